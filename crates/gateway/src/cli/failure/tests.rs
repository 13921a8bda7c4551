use std::io;

use super::*;

/// One line each: what is wrong, what to do, the code; causes once; the exit status that scripts see.
#[test]
fn a_failure_is_one_line_with_advice_and_code() {
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let in_use = io::Error::from(io::ErrorKind::AddrInUse);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
    let cases: Vec<(anyhow::Error, &str, u8)> = vec![
        (anyhow::anyhow!("plain"), "plain", 1),
        (Usage("no such name".to_owned()).into(), "no such name", EXIT_USAGE),
        (anyhow::Error::new(denied()).context("cannot write x"), "cannot write x: permission denied", 1),
        (
            StartError::DataDir { path: "/data".to_owned(), source: denied() }.into(),
            "the data folder `/data` cannot be made: permission denied; `data_dir` and `audit.dir` must be folders that the user who runs \
             Doorward may write [config.data_dir_unusable]",
            1,
        ),
        (
            StartError::Listen { address, source: in_use }.into(),
            "cannot listen on 127.0.0.1:80: address in use; stop the program that listens there, or change `listen` in the configuration \
             [edge.cannot_listen]",
            1,
        ),
        (
            StartError::from(StoreError::WrongMasterKey { stored: "a".to_owned(), given: "b".to_owned() }).into(),
            "the database was sealed under another master key (its key id is a, the given one is b); put the master key back that this data \
             folder was made with; a new key cannot open it [store.wrong_master_key]",
            EXIT_CONFIG,
        ),
        (
            AuditError::Unreadable { path: "/x".into(), source: denied().into() }.into(),
            "the audit journal /x cannot be read: permission denied; name the folder with --dir or the configuration with --config, and run \
             as the user that runs Doorward [audit.unreadable]",
            1,
        ),
        (
            CallError::NotRunning { socket: "/data/admin.sock".into(), source: io::ErrorKind::NotFound.into() }.into(),
            "no gateway answers on /data/admin.sock: entity not found; start it with `doorward serve`, or name its data folder with \
             --data-dir",
            EXIT_UNREACHABLE,
        ),
        (
            CallError::NotPermitted { socket: "/data/admin.sock".into(), source: denied() }.into(),
            "you may not use /data/admin.sock: permission denied; run this command as the user that runs Doorward, or as root: sudo -u \
             USER doorward …",
            EXIT_UNREACHABLE,
        ),
        (
            CallError::Refused { code: "admin.path_unknown".to_owned(), message: "no such path".to_owned() }.into(),
            "no such path [admin.path_unknown]",
            1,
        ),
    ];
    for (error, expected, exit) in cases {
        assert_eq!(line(&error), expected);
        assert_eq!(status(&error), exit, "{expected}");
    }
}
