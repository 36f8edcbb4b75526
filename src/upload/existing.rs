//! `Upload::skip_existing`: the package of an earlier run, which has the name and the size of the upload.

use super::opened::Opened;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::packages::{self, Package};
use crate::status::PackageStatus;
use crate::text;
use crate::units::Grouped;

impl Opened<'_> {
    /// The package to wait for instead of uploading, if `skip_existing` is set and there is one.
    pub(super) fn existing(&self) -> Result<Option<Package>> {
        self.find_listed(|call| {
            call.with_retry(packages::read_entries).map_err(|error| {
                error
                    .with_package_note("no package was made, because the list of packages is needed first")
                    .with_setting("Upload::skip_existing")
            })
        })
    }

    /// The same in one request, after the upload.
    pub(super) fn existing_now(&self) -> Result<Option<Package>> {
        self.find_listed(|call| call.once(packages::read_entries))
    }

    fn find_listed(&self, list: impl FnOnce(&Call) -> Result<Vec<(Package, String)>>) -> Result<Option<Package>> {
        if !self.upload.skips_existing {
            return Ok(None);
        }
        let list = list(&packages::list_call(self.client, self.app))?;
        match pick(&list, self.name().unwrap_or_default(), self.size()) {
            Pick::Ours(package) => Ok(Some(package.clone())),
            Pick::NotOurs(package) => Err(self.refuse_other(&self.how_it_differs(package))),
            Pick::Nothing => Ok(None),
        }
    }

    /// The name belongs to another build.
    pub(super) fn refuse_other(&self, how_it_differs: &str) -> Error {
        self.refuse(ErrorKind::Config, how_it_differs).with_setting("Upload::with_name")
    }

    pub(super) fn notify_existing(&self, package: &Package) {
        let (app, file, package_id) = (self.app.clone(), self.upload.file.clone(), package.package_id.clone());
        let name = self.name().unwrap_or_default().to_owned();
        self.client.notify(&Event::Existing { app, file, package_id, name });
    }

    /// The size of a package may have been unknown until it was complete.
    pub(super) fn check_size(&self, package: &Package) -> Result<(), String> {
        let is_ours = package.known_size().is_none_or(|size| size == self.size());
        if is_ours { Ok(()) } else { Err(self.how_it_differs(package)) }
    }

    fn how_it_differs(&self, package: &Package) -> String {
        let (name, id) = (text::name(self.name().unwrap_or_default()), &package.package_id);
        let (theirs, ours) = (Grouped(package.size.unwrap_or_default()), Grouped(self.size()));
        format!(
            "package {id} is called {name}, too, but has {theirs} bytes, and the file has {ours}: upload what was built first, or \
             give each build a name of its own"
        )
    }
}

#[derive(Debug, PartialEq)]
enum Pick<'a> {
    Ours(&'a Package),
    /// It has the name, but another size.
    NotOurs(&'a Package),
    Nothing,
}

/// Picks the newest package of this name and size that has not failed. A package that is still being made, or has no size, may
/// turn out to have the size. `list` is sorted, newest first.
fn pick<'a>(list: &'a [(Package, String)], name: &str, size: u64) -> Pick<'a> {
    let has_not_failed = |package: &&Package| package.status != PackageStatus::Failed;
    let namesakes = || {
        let named = list.iter().filter(|(_, listed)| listed == name.trim());
        named.map(|(package, _)| package).filter(has_not_failed)
    };
    let may_fit = |package: &&Package| {
        let is_complete = package.status == PackageStatus::Succeeded;
        package.known_size().is_none_or(|so_far| so_far < size && !is_complete)
    };
    let ours = namesakes().find(|package| package.size == Some(size)).or_else(|| namesakes().find(may_fit));
    ours.map(Pick::Ours).or_else(|| namesakes().next().map(Pick::NotOurs)).unwrap_or(Pick::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Object;
    use crate::secrets::Secrets;

    fn entry(fields: &str) -> (Package, String) {
        let text = format!(r#"{{"PackageId":{fields}}}"#);
        let secrets = Secrets::new(["s3cret-key"]);
        let object = Object::of(text.as_bytes(), &secrets);
        (Package::listed(&object).unwrap(), object.raw("Name").unwrap_or_default())
    }

    #[test]
    fn the_newest_package_of_the_name_and_size_that_has_not_failed_is_ours() {
        let [ours, older, made, without_size] = [
            r#""ours","Name":"x.mda","Status":"Succeeded","Size":22"#,
            r#""older","Name":"x.mda","Status":"Succeeded","Size":22"#,
            r#""made","Name":"x.mda","Status":"Uploading","Size":7"#,
            r#""ours","Name":"x.mda","Status":"Succeeded""#,
        ];
        let [failed, other, another_name, larger] = [
            r#""failed","Name":"x.mda","Status":"Failed","Size":22"#,
            r#""other","Name":"x.mda","Status":"Succeeded","Size":21"#,
            r#""x","Name":"X.mda","Status":"Succeeded","Size":22"#,
            r#""other","Name":"x.mda","Status":"Uploading","Size":23"#,
        ];
        for (list, ours, others) in [
            (&[ours, older, made][..], Some("ours"), None),
            (&[made, other, older], Some("older"), None),
            (&[other, made], Some("made"), None),
            (&[without_size, other], Some("ours"), None),
            (&[failed, other, older], Some("older"), None),
            (&[other, failed], None, Some("other")),
            (&[larger], None, Some("other")),
            (&[failed, another_name], None, None),
            (&[], None, None),
        ] {
            let entries: Vec<_> = list.iter().map(|fields| entry(fields)).collect();
            let (picked, not_ours) = match pick(&entries, " x.mda ", 22) {
                Pick::Ours(package) => (Some(package.package_id.as_str()), None),
                Pick::NotOurs(package) => (None, Some(package.package_id.as_str())),
                Pick::Nothing => (None, None),
            };
            assert_eq!((picked, not_ours), (ours, others), "{list:?}");
        }
    }
}
