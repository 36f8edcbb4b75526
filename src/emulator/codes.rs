//! The documented error codes, with their status and message (Deploy API v1, the "Error Codes" of each call).

/// Code, status, message.
pub(super) type Documented = (&'static str, u16, &'static str);

/// The message of a configured status, and of an undocumented code.
pub(super) const CONFIGURED: &str = "the emulator was set to respond with this";

pub(super) const ENVIRONMENT_NOT_FOUND: Documented = ("ENVIRONMENT_NOT_FOUND", 404, "Environment not found.");
pub(super) const NO_PACKAGE_ON_IT: Documented = ("PACKAGE_NOT_FOUND", 404, "No package found for this environment");
pub(super) const NO_SUCH_PACKAGE: Documented = ("PACKAGE_NOT_FOUND", 404, "Package or build job not found");
pub(super) const PACKAGE_NOT_FOUND: Documented = ("PACKAGE_NOT_FOUND", 404, "Package not found.");
pub(super) const APP_IS_RUNNING: Documented =
    ("APP_IS_RUNNING", 403, "The environment of the app must be stopped to do transport.");
pub(super) const NOT_ALLOWED: Documented =
    ("NOT ALLOWED", 403, "Cannot transport - MDA processing failed, try uploading again with a valid MDA.");
pub(super) const LATER: Documented =
    ("SERVICE UNAVAILABLE", 503, "Cannot transport - MDA is still being processed, retry later");
pub(super) const ALREADY_STARTED: Documented = ("ALREADY_STARTED", 200, "Cannot start app. App is already running.");
pub(super) const NO_MDA: Documented = ("NO_MDA_HAS_BEEN_DEPLOYED", 500, "Cannot start app. There is no MDA deployed.");
pub(super) const STARTS_ALREADY: Documented =
    ("APP_ALREADY_HAS_A_STARTING_JOB", 500, "Cannot start app. There is already a starting job id found.");
pub(super) const NO_SUCH_JOB: Documented = ("NO_SUCH_STARTJOB", 404, "Job not found.");
pub(super) const INVALID_PARAMETERS: Documented =
    ("INVALID_PARAMETERS", 400, "Not enough parameters given. Please set AppId and Mode parameters.");

const OTHERS: [Documented; 9] = [
    ("UNAUTHORIZED", 401, "UNAUTHORIZED:Please provide valid credentials or set up a Mendix user session"),
    ("INVALID_APPID", 400, "Invalid AppId"),
    ("APP_NOT_FOUND", 404, "App not found"),
    ("STOP_FAILED", 500, "Cannot stop app: the emulator was set to fail"),
    ("INVALID_RUNTIME_VERSION", 400, "This Runtime version is not supported on this environment."),
    ("NO_ACCESS", 403, "You do not have access"),
    ("TRANSPORT_NOT_ALLOWED", 403, "No access to transport to environment."),
    ("PACKAGE_PARSE_FAILED", 500, "Failed to parse deployment package file."),
    (
        "INVALID_ENVIRONMENT",
        400,
        "Could not parse environment mode. Valid options are Test, Acceptance, Production or the name of a flexible \
         environment.",
    ),
];

/// The codes of a start job's status, which all come with a 500.
const OF_A_START_JOB: [Documented; 8] = [
    ("NO_PACKAGE", 500, "Cannot start app. There should be a package configured for this environment."),
    ("ALREADY_LOCKED", 500, "Cannot start app. There is already a lock on this environment."),
    ("DB_SYNC_FAILED", 500, "Cannot start app. Synchronization of database failed."),
    (
        "INVALID_DB_STRUCTURE",
        500,
        "Cannot start app. The database is out-of-sync with the model. Please set AutoSyncDb parameter to true to \
         synchronize the database automatically on startup.",
    ),
    ("MISSING_CONSTANT", 500, "Cannot start app. Missing one or more constant values."),
    (
        "INSECURE_ADMIN_PASSWORD",
        500,
        "Cannot start app. There is a user with administrator role with password '1'. This is not allowed.",
    ),
    ("STARTUP_ACTION_FAILED", 500, "Cannot start app. Startup action failed."),
    ("START_FAILED", 500, "Cannot start app: 1 (the emulator was set to fail)"),
];

/// Whether the status of a start job has this code.
pub(super) fn is_of_a_start_job(code: &str) -> bool {
    OF_A_START_JOB.iter().any(|(documented, ..)| *documented == code)
}

/// What is documented for a code. Anything else would be a 500, but cannot be configured.
pub(super) fn documented(code: &'static str) -> Documented {
    all().find(|(documented, ..)| *documented == code).unwrap_or((code, 500, CONFIGURED))
}

pub(super) fn all() -> impl Iterator<Item = Documented> {
    let named = [
        ENVIRONMENT_NOT_FOUND, PACKAGE_NOT_FOUND, APP_IS_RUNNING, NOT_ALLOWED, LATER, ALREADY_STARTED, NO_MDA,
        STARTS_ALREADY, NO_SUCH_JOB, INVALID_PARAMETERS,
    ];
    named.into_iter().chain(OTHERS).chain(OF_A_START_JOB)
}
