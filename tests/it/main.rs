//! One integration binary: it links once, and its modules share their servers.
