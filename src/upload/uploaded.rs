//! `UploadedPackage`, and how it is read and written.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::Error;
use crate::id::{JobId, PackageId};
use crate::json::Object;

/// The result of a successful upload. In JSON it is spelled as in the API: `{"PackageId":"…","JobId":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UploadedPackage {
    /// The package that the job will create.
    pub package_id: PackageId,
    /// The job to wait for.
    pub job_id: JobId,
}

/// The ids in the body of a success, each read on its own.
pub(super) fn ids(object: &Object) -> (Option<PackageId>, Option<JobId>) {
    (object.id("PackageId"), object.id("JobId"))
}

impl Serialize for UploadedPackage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("UploadedPackage", 2)?;
        fields.serialize_field("PackageId", &self.package_id)?;
        fields.serialize_field("JobId", &self.job_id)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for UploadedPackage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = serde_json::Map::deserialize(deserializer)?;
        let id = |name| fields.get(name).and_then(Value::as_str).ok_or_else(|| serde::de::Error::missing_field(name));
        let custom = serde::de::Error::custom::<Error>;
        Ok(UploadedPackage {
            package_id: id("PackageId")?.parse().map_err(custom)?,
            job_id: id("JobId")?.parse().map_err(custom)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;

    fn read(body: &str, key: &str) -> (Option<String>, Option<String>) {
        let (package, job) = ids(&Object::of(body.as_bytes(), &Secrets::new([key])));
        (package.map(|id| id.to_string()), job.map(|id| id.to_string()))
    }

    #[test]
    fn each_id_is_read_on_its_own_and_whole_or_not_at_all() {
        let (package, job) = (Some("p".to_owned()), Some("j".to_owned()));
        assert_eq!(read(r#"{"PackageId":"p","JobId":"j"}"#, "s3cret"), (package.clone(), job.clone()));
        for none in [
            "null", "17", "1e999", r#""""#, r#""../x""#, r#""\ud800""#, r#"["p"]"#, r#"{"Id":"p"}"#, "true", r#""a b""#,
        ] {
            assert_eq!(
                read(&format!(r#"{{"PackageId":{none},"JobId":"j"}}"#), "s3cret"),
                (None, job.clone()),
                "{none}"
            );
            assert_eq!(
                read(&format!(r#"{{"JobId":{none},"PackageId":"p"}}"#), "s3cret"),
                (package.clone(), None),
                "{none}"
            );
        }
        assert_eq!(read(r#"{"JobId":"j","PackageId":"p"#, "s3cret"), (None, job), "cut short");
    }

    #[test]
    fn an_id_that_repeats_the_key_is_not_used_but_a_short_key_may_occur_in_one() {
        let read = |key| read(r#"{"PackageId":"p-s3cret-key","JobId":"job-1"}"#, key);
        assert_eq!((read("S3cret-Key").0, read("job-1").1), (None, None));
        assert!(read("b").1.is_some() && read("s3cret").0.is_some());
    }
}
