//! The rows of the guide's tables of what is taken for granted, in its order.

/// Defines the rows, each with what can show it.
macro_rules! granted {
    ($($row:ident, $shown_by:expr, $name:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Granted { $($row,)* }

        impl Granted {
            pub(super) const ALL: &[Granted] = &[$(Granted::$row,)*];

            /// Its first cell in the guide.
            pub(super) fn name(self) -> &'static str {
                match self { $(Granted::$row => $name,)* }
            }

            /// Why it was not seen, unless something else is known.
            pub(super) fn shown_by(self) -> &'static str {
                match self { $(Granted::$row => $shown_by,)* }
            }
        }
    };
}

const LIST: &str = "the list of packages shows it, if there are any";
const ENVIRONMENTS: &str = "the environments show it";
const UPLOAD: &str = "--upload shows it";
const DEPLOY: &str = "--deploy shows it";
const REQUEST: &str = "the request for a job shows it";
const NOTHING: &str = "no request shows it";

granted! {
    // The package list.
    ListPath, LIST, "paths without a trailing slash; both headers; no body, no `Content-Type`";
    ApiRights, "the user's rights are not known", "API Rights are enough";
    ListShape, LIST, "one array without pages, of `PackageId`, `Name`, `Status`, `CreationDate`, `Size`";
    OtherFields, LIST, "any other field may be missing or odd";
    CreationDate, LIST, "`CreationDate` is in milliseconds since 1970";
    Size, LIST, "`Size` is in bytes, but may have a decimal point";
    Name, UPLOAD, "`Name` is the name that was uploaded";
    Order, LIST, "packages may be listed in any order";
    NobodyElse, UPLOAD, "nobody else uploads a package of that name and size at the same time";
    Listed, UPLOAD, "packages that v2 uploads are in the list of v1";
    Late, UPLOAD, "they may be listed late";
    SameId, UPLOAD, "the id from v2 is that of v1";
    SameClock, LIST, "`CreationDate` and `Date` (with `Age`) are from clocks that agree within 2 s";
    Ends, LIST, "a package with status `Succeeded` can be deployed; the only other final status is `Failed`";
    Follows, UPLOAD, "a package's status may change before or after that of its job";
    Expiry, "which packages were deployed is not known", "packages that are not deployed are deleted within 15 days";
    UnknownJob, REQUEST, "the status of an unknown job is a 404";
    // `Upload::skip_existing`.
    UniqueName, LIST, "no other build has the name";
    Arrived, UPLOAD, "an uploaded package is listed by the time the CI job is run again";
    CutShort, "verify cuts no upload short", "an upload that was cut short leaves no package in the list";
    StillMade, UPLOAD, "a package that is still being made has no size, or none larger than the file";
    // Deployments.
    Paths, ENVIRONMENTS, "paths without a trailing slash; bodies; both headers, and `Content-Type: application/json` even without a body";
    Mode, ENVIRONMENTS, "the name of an environment is its `Mode`, sent as it is given";
    Production, ENVIRONMENTS, "`Production` is a boolean, or a string as in older examples";
    Statuses, ENVIRONMENTS, "`Empty`, `Stopped` and `Running` are the only statuses";
    TransportId, DEPLOY, "a package is transported by the id that v2 gave it";
    Repeated, "verify repeats no request", "a stop or a transport can be repeated";
    Accepted, DEPLOY, "a 2xx accepts a stop, transport or start, unless its body has an `errorCode` or is neither empty nor JSON";
    StopAnswers, DEPLOY, "a stop may answer before the app has stopped";
    OnIt, DEPLOY, "the package on an environment is the one that was transported last, not the one that runs";
    FailedStart, "no start failed", "a start fails with a 500 and a documented code; a 5xx with another or none is an outage";
    AnyStatus, NOTHING, "a documented code means the same whatever the status";
    StartRunning, DEPLOY, "starting a running app does nothing, and returns `ALREADY_STARTED`";
    StartJob, DEPLOY, "a start job may hang, or be forgotten";
    ShownOnce, NOTHING, "a package that appears on an environment and disappears again was not there yet";
    ForeignStart, NOTHING, "`ALREADY_STARTED` after our own stop means that another package may be running";
}
