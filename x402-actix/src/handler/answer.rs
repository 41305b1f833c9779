use actix_web::{HttpRequest, HttpResponse, Responder};

/// What any handler answers with. A pointer to a function has to name the type of its answer, and some cannot be named.
pub struct Answer(Box<dyn FnOnce(&HttpRequest) -> HttpResponse>);

impl Answer {
    /// This answer.
    pub fn new(answer: impl Responder + 'static) -> Self {
        Self(Box::new(|request| {
            answer.respond_to(request).map_into_boxed_body()
        }))
    }

    pub(super) fn to(self, request: &HttpRequest) -> HttpResponse {
        (self.0)(request)
    }
}
