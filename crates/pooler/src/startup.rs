//! What a client says first.

use bytes::{Buf, BytesMut};
use postgres_protocol::message::frontend;

use crate::end::Refusal;

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENC_REQUEST: u32 = 80_877_104;

/// Version 3.0: the major number in the upper half, the minor one in the lower.
const PROTOCOL: u32 = 3 << 16;

/// Who a client is and what it wants its session to be. Two clients with the same parameters can have the same backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Startup {
    /// Sorted, as their order means nothing.
    parameters: Vec<(String, String)>,
}

/// A first packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// TLS or GSSAPI, neither of which there is.
    Encryption,
    Cancel,
    Startup(Startup),
}

impl Opening {
    /// Takes a packet without its length.
    pub(crate) fn parse(mut packet: &[u8]) -> Result<Self, Refusal> {
        match packet.try_get_u32() {
            Ok(SSL_REQUEST | GSS_ENC_REQUEST) => Ok(Self::Encryption),
            Ok(CANCEL_REQUEST) => Ok(Self::Cancel),
            Ok(PROTOCOL) => Startup::parse(packet)
                .map(Self::Startup)
                .ok_or_else(|| Refusal("startup parameters that are not pairs of UTF-8 texts".to_owned())),
            Ok(version) => Err(Refusal(format!(
                "version {}.{} of the protocol, where 3.0 is expected",
                version >> 16,
                version & 0xFFFF
            ))),
            Err(_) => Err(Refusal("an empty packet, where a startup message is expected".to_owned())),
        }
    }
}

impl Startup {
    fn parse(mut body: &[u8]) -> Option<Self> {
        let mut parameters = Vec::new();
        loop {
            let name = text(&mut body)?;
            if name.is_empty() {
                break;
            }
            parameters.push((name, text(&mut body)?));
        }
        parameters.sort();
        body.is_empty().then_some(Self { parameters })
    }

    /// The login.
    pub(crate) fn user(&self) -> &str {
        let user = self.parameters.iter().find(|(name, _)| name == "user");
        user.map_or("", |(_, value)| value)
    }

    /// The message that opens a backend like this.
    pub(crate) fn to_message(&self) -> std::io::Result<BytesMut> {
        let parameters = self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut message = BytesMut::new();
        frontend::startup_message(parameters, &mut message)?;
        Ok(message)
    }
}

fn text(body: &mut &[u8]) -> Option<String> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let text = String::from_utf8(body.get(..end)?.to_vec()).ok()?;
    body.advance(end + 1);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup(parameters: &[(&str, &str)]) -> Startup {
        let mut packet = BytesMut::new();
        frontend::startup_message(parameters.iter().copied(), &mut packet).unwrap();
        match Opening::parse(&packet[4..]).unwrap() {
            Opening::Startup(startup) => startup,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_order_of_parameters_makes_no_other_pool() {
        let (user, database) = (("user", "ann"), ("database", "app"));
        assert_eq!(startup(&[user, database]), startup(&[database, user]));
        assert_ne!(startup(&[user, database]), startup(&[user]));
        assert_ne!(startup(&[user, database]), startup(&[user, database, ("application_name", "")]));
    }

    #[test]
    fn a_backend_is_opened_with_all_that_the_client_said() {
        let said = startup(&[("user", "ann"), ("options", "-c geqo=off")]);
        let repeated = said.to_message().unwrap();
        assert_eq!(Opening::parse(&repeated[4..]), Ok(Opening::Startup(said)));
    }

    #[test]
    fn other_first_packets_are_told_apart() {
        assert_eq!(Opening::parse(&SSL_REQUEST.to_be_bytes()), Ok(Opening::Encryption));
        assert_eq!(Opening::parse(&GSS_ENC_REQUEST.to_be_bytes()), Ok(Opening::Encryption));
        assert_eq!(Opening::parse(&[&CANCEL_REQUEST.to_be_bytes()[..], &[0; 8]].concat()), Ok(Opening::Cancel));
        let newer = Opening::parse(&[0, 3, 0, 2, 0]).unwrap_err();
        assert_eq!(newer.0, "version 3.2 of the protocol, where 3.0 is expected");
        for wrong in [&b""[..], b"\0\x03\0\0user\0ann\0", b"\0\x03\0\0user\0\xFF\0\0", b"\0\x03\0\0\0rest"] {
            assert!(Opening::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
