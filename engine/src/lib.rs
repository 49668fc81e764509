//! Engines: one call draws one sample from a model, as a stream of events that can be cancelled by dropping it.
//!
//! The [`Engine`] trait is all that the rest of the service sees. [`mistral`] runs open weights in this process;
//! [`upstream`] asks another server; [`pool`] makes one engine of several; [`scripted`] plays a script, for faults and
//! timing.

mod chat_template;
mod control;
mod draw;
mod engine;
mod error;
mod gguf;
pub mod mistral;
pub mod pool;
mod request;
pub mod scripted;
mod stream;
mod text;
mod tools;
pub mod upstream;

pub use chat_template::{ChatTemplate, TemplateError};
pub use engine::{Abilities, Engine, EngineInfo, Marks, MemberInfo, MemberState};
pub use error::EngineError;
pub use gguf::{GgufError, GgufHeader};
pub use pool::{Build, Built};
pub use request::{Called, Conversation, Message, Prompt, Role, SampleRequest, Sampling};
pub use stream::{Channel, Finish, SampleEvent, SampleStream, TopLogprob, Usage};
pub use tools::CallFormat;
