//! Where a file's parts stand.
//!
//! ```text
//! files/<tenant>.<id>.body   what the file holds, sealed in chunks
//! files/<tenant>.<id>.meta   its wrapped key, and what is known of it, sealed; with it the file is there
//! files/<tenant>.<id>.new    what is to become the .meta
//! files/<tenant>.<id>.gone   what was the .meta of a file whose erasure is decided
//! ```

use super::{FileId, info::check_tenant};

/// The folder of all files.
pub(super) const DIR: &str = "files";

/// One of a file's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Body,
    Meta,
    New,
    Gone,
}

const PARTS: [(Part, &str); 4] = [(Part::Body, "body"), (Part::Meta, "meta"), (Part::New, "new"), (Part::Gone, "gone")];

/// Whose file it is, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tenant: String,
    pub(super) id: FileId,
}

impl Place {
    /// The name of a part on the disk.
    pub(super) fn part(&self, part: Part) -> String {
        let ending = PARTS.iter().find(|one| one.0 == part).map_or("", |one| one.1);
        format!("{DIR}/{}.{}.{ending}", self.tenant, self.id)
    }

    /// What a name in the folder stands for; none for a name that is not ours.
    pub(super) fn parse(name: &str) -> Option<(Self, Part)> {
        let (tenant, rest) = name.split_once('.')?;
        let (id, ending) = rest.split_once('.')?;
        let part = PARTS.iter().find(|one| one.1 == ending)?.0;
        check_tenant(tenant).ok()?;
        Some((Self { tenant: tenant.to_owned(), id: id.parse().ok()? }, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_were_written() {
        let place = Place { tenant: "acme-1".to_owned(), id: FileId::generate().unwrap() };
        for (part, _) in PARTS {
            let name = place.part(part);
            assert_eq!(Place::parse(name.strip_prefix("files/").unwrap()), Some((place.clone(), part)));
        }
        for other in ["", "LOCK", "a.b.meta", "acme.file_00.meta", &format!("acme.{}.meta.bak", place.id)] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }
}
