//! `Package`, and how it is read.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::id::PackageId;
use crate::json::Object;
use crate::status::PackageStatus;

/// A package of an app (Build API, "Retrieve Packages"). Text is the server's, sanitized. The URL of its download is a
/// secret, and never read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Package {
    /// Its id, by which it is polled and transported.
    pub package_id: PackageId,
    /// Its name: that of the upload, or of the build. Names need not be unique. Empty if the API gives none.
    pub name: String,
    /// Whether it is ready to be deployed. `Other("")` if the API gives none.
    pub status: PackageStatus,
    /// When it became available, by the server's clock.
    pub created: Option<SystemTime>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// The version given to a build.
    pub version: Option<String>,
    /// The description given to a build.
    pub description: Option<String>,
    /// The display name of the user who uploaded or built it.
    pub creator: Option<String>,
}

impl Package {
    /// An entry of a list. `None` without a usable id.
    pub(crate) fn listed(object: &Object) -> Option<Package> {
        Some(Package::read(object, object.id("PackageId")?))
    }

    /// The response to a request for this package. `None` if it describes another one, or none.
    pub(super) fn asked_for(id: &PackageId, object: &Object) -> Option<Package> {
        let is_that_one = match object.raw("PackageId") {
            Some(said) => id.is_same_as(&said),
            None => object.raw("Status").is_some(),
        };
        is_that_one.then(|| Package::read(object, id.clone()))
    }

    /// Its size, unless it is missing, or 0 because the package is still being made.
    pub(crate) fn known_size(&self) -> Option<u64> {
        self.size.filter(|size| *size > 0)
    }

    fn read(object: &Object, package_id: PackageId) -> Package {
        Package {
            package_id,
            name: object.text("Name").unwrap_or_default(),
            status: PackageStatus::of(object),
            created: object.field("CreationDate").and_then(|value| time(&value)),
            size: object.field("Size").and_then(|value| whole_number(&value)),
            version: object.text("Version"),
            description: object.text("Description"),
            creator: object.text("Creator"),
        }
    }
}

/// Milliseconds since 1970, UTC.
fn time(value: &Value) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(whole_number(value)?))
}

/// A whole number, possibly written with a decimal point or as a string. One with decimals is not in bytes: old versions
/// of the API gave sizes in megabytes.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked
fn whole_number(value: &Value) -> Option<u64> {
    /// The largest float below which all whole numbers are floats.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = |number: &f64| (0.0..EXACT).contains(number) && number.fract() == 0.0;
    let float = || value.as_f64().filter(is_whole).map(|number| number as u64);
    value.as_u64().or_else(float).or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;

    fn listed(object: &str) -> Option<Package> {
        Package::listed(&Object::of(object.as_bytes(), &Secrets::new(["s3cret-key"])))
    }

    /// The first example of the Build API's page.
    const DOCUMENTED: &str = r#"{
        "Name" :  "Main line-1.1.5.9.mda" , "Status" :  "Succeeded" , "Description" :  "Initial app" ,
        "Creator" :  "Richard Ford" , "CreationDate" :  1404739654045 , "Version" :  "1.1.5.9" ,
        "PackageId" :  "4ee10492-6cfc-4582-b825-a9040c0988ad" , "Size" :  1999059 }"#;

    #[test]
    fn the_documented_fields_are_read() {
        let package = listed(DOCUMENTED).unwrap();
        assert_eq!(package.package_id.as_str(), "4ee10492-6cfc-4582-b825-a9040c0988ad");
        assert_eq!((package.name.as_str(), package.status), ("Main line-1.1.5.9.mda", PackageStatus::Succeeded));
        let texts = [package.version, package.description, package.creator];
        assert_eq!(texts.map(Option::unwrap), ["1.1.5.9", "Initial app", "Richard Ford"]);
        let created = SystemTime::UNIX_EPOCH + Duration::from_millis(1_404_739_654_045);
        assert_eq!((package.created, package.size), (Some(created), Some(1_999_059)));
    }

    #[test]
    fn fields_that_are_missing_or_odd_cost_only_themselves() {
        for odd in ["null", "{}", "[]", "true", r#""""#, r#"" ""#, "1e999", "-1", "3.0571174621582031", r#""\ud83d""#] {
            let fields = ["Name", "Status", "CreationDate", "Size", "Version", "Description", "Creator"];
            let object = fields.map(|field| format!(r#""{field}":{odd},"#)).concat();
            let package = listed(&format!(r#"{{{object}"PackageId":"p-1"}}"#)).unwrap();
            let expected = listed(r#"{"PackageId":"p-1"}"#).unwrap();
            assert_eq!(package, expected, "{odd}");
            assert_eq!((package.status.as_str(), package.created, package.size), ("", None, None), "{odd}");
        }
        let read = |size: &str| listed(&format!(r#"{{"PackageId":"p","Size":{size}}}"#)).unwrap().size;
        assert_eq!((read("1999059.0"), read("2e3"), read(r#""7""#)), (Some(1_999_059), Some(2000), Some(7)));
        assert_eq!((read("1e300"), read(r#""7.5""#), read(r#""7 MB""#)), (None, None, None));
        for bad in [r#"{"Name":"x"}"#, r#"{"PackageId":7}"#, r#"{"PackageId":"../x"}"#, r#"{"PackageId":"s3cret-key"}"#]
        {
            assert_eq!(listed(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_answer_about_one_package_is_about_that_one() {
        let id = "P-1".parse().unwrap();
        let ask = |object: &str| Package::asked_for(&id, &Object::of(object.as_bytes(), &Secrets::new([])));
        for good in [r#"{"Status":"Failed"}"#, r#"{"PackageId":"p-1","errorCode":null}"#] {
            assert_eq!(ask(good).unwrap().package_id, id, "{good}");
        }
        for bad in ["{}", "", r#"{"Name":"x"}"#, r#"{"PackageId":"P-2","Status":"Succeeded"}"#] {
            assert_eq!(ask(bad), None, "{bad}");
        }
    }
}
