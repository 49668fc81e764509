//! The words of a report, for who does not work with the service.

use forethought_eval::markup::pairs;

const WORDS: [(&str, &str); 24] = [
    ("tenant", "An organisation, or a part of one, whose requests are kept apart from those of others."),
    ("request", "A question to the service. It is in the log before anything is generated for it."),
    (
        "admission",
        "The record that a request was let in: who asked, which model, under which policy, with which budget.",
    ),
    ("outcome", "The record of what became of a request. The answer leaves only once it is written."),
    ("answered", "The client got an answer."),
    ("refused", "A rule, a safeguard or a person withheld the answer."),
    ("held", "The answer waits for a person to decide."),
    (
        "failed, cancelled, deadline",
        "A fault; the client left or somebody stopped it; the time was over before any answer.",
    ),
    (
        "interrupted",
        "The service ended before the request did, such as in a crash. The next start has written it down.",
    ),
    ("open", "There is no end in the log: the request was under way when the report was made."),
    (
        "model, weights",
        "The program that generates text, and the file of numbers that it works with. The digest names that file.",
    ),
    ("token", "A piece of a word, by which the work of a model is measured."),
    ("sample", "One attempt of the model at an answer. The service may draw several and compare them."),
    ("vote, agreement", "How many samples gave the same answer."),
    ("strategy, effort", "How samples become one answer, and how much may be spent on it."),
    ("safeguard", "A check of what is asked or answered, such as for personal data."),
    ("classifier", "A second model that judges what is asked or answered."),
    ("pack, rule", "A law written as dated rules that requests are judged by. A rule is named by its pack and its id."),
    (
        "enforced, shadow, undetermined",
        "The rule had effect; it was only told; a fact was missing, so nobody can say whether it applies.",
    ),
    ("contents, key", "What was asked and answered, encrypted beside the record. With its key destroyed it is gone."),
    ("hold", "Somebody's word that contents may not be erased, such as for a lawsuit."),
    ("leaf, log", "The place of a record in the audit log, counted from 0. The log only ever grows."),
    (
        "root, checkpoint",
        "A short number that stands for all records so far, and that number signed with the log's key.",
    ),
    ("gap", "Entries that a duty asks for are missing, or they show that it was not met. Somebody should look."),
];

pub(super) fn glossary() -> String {
    pairs(&WORDS.map(|(word, meaning)| (word, meaning.to_owned())))
}
