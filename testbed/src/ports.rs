//! Free ports of loopback. Another process may take one before it is used: who asks must be ready to ask again.

use std::net::TcpListener;
use std::path::Path;

use crate::error::Error;

/// Ports that are free now, all different.
pub(crate) fn free<const COUNT: usize>() -> Result<[u16; COUNT], Error> {
    let loopback = Path::new("127.0.0.1:0");
    let mut held = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).map_err(Error::file("listen on", loopback))?;
        *port = listener
            .local_addr()
            .map_err(Error::file("listen on", loopback))?
            .port();
        held.push(listener);
    }
    Ok(ports)
}
