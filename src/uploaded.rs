//! What an upload brings, read from the answer, and written as JSON.

use std::collections::HashMap;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::credentials::ApiKey;
use crate::error::Error;
use crate::id::{JobId, PackageId};
use crate::json;

/// What an upload brings: the package that is being made, and the job that makes it. In JSON it is spelled as the
/// API spells it: `{"PackageId":"…","JobId":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UploadedPackage {
    /// The package that the job will create.
    pub package_id: PackageId,
    /// The job to wait for.
    pub job_id: JobId,
}

impl UploadedPackage {
    /// The ids of a success body, if both are there and can be used. A server that gives the key back as an id is not
    /// one whose ids can be shown.
    pub(crate) fn read(body: &[u8], key: &ApiKey) -> Option<Self> {
        let (package, job) = (json::field(body, "PackageId")?, json::field(body, "JobId")?);
        if key.is_in(&package) || key.is_in(&job) {
            return None;
        }
        Some(UploadedPackage { package_id: package.try_into().ok()?, job_id: job.try_into().ok()? })
    }
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
        let fields = HashMap::<String, serde_json::Value>::deserialize(deserializer)?;
        let id = |name| {
            let text = fields.get(name).and_then(serde_json::Value::as_str);
            text.ok_or_else(|| serde::de::Error::missing_field(name))
        };
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

    #[test]
    fn ids_are_read_whole_or_not_at_all() {
        let read = |body: &str| UploadedPackage::read(body.as_bytes(), &ApiKey::new("s3cret-key").unwrap());
        let both = read(r#"{"PackageId":"p","JobId":"j"}"#).unwrap();
        assert_eq!((both.package_id.as_str(), both.job_id.as_str()), ("p", "j"));
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(json, r#"{"PackageId":"p","JobId":"j"}"#);
        assert_eq!(serde_json::from_str::<UploadedPackage>(&json).unwrap(), both);
        let stored = r#"{"JobId":"j","Status":{"x":1},"PackageId":"p"}"#;
        assert_eq!(serde_json::from_str::<UploadedPackage>(stored).unwrap(), both, "other fields are ignored");
        let error = serde_json::from_str::<UploadedPackage>(r#"{"PackageId":"p"}"#).unwrap_err();
        assert!(error.to_string().contains("missing field `JobId`"), "{error}");
        assert!(serde_json::from_str::<UploadedPackage>(r#"{"PackageId":"p","JobId":"../x"}"#).is_err());
        for bad in [r#"{"PackageId":"p","JobId":""}"#, r#"{"PackageId":"../x","JobId":"j"}"#, r#"{"PackageId":"p"}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_id_that_repeats_the_key_is_not_used_but_a_short_key_may_occur_in_one() {
        let body = br#"{"PackageId":"p-s3cret-key","JobId":"job-1"}"#;
        let read = |key: &str| UploadedPackage::read(body, &ApiKey::new(key).unwrap());
        assert_eq!((read("S3cret-Key"), read("job-1")), (None, None));
        assert!(read("b").is_some() && read("s3cret").is_some());
    }
}
