//! The messages of a client, written by hand: a test that used the pooler's own library could not tell when both err.

pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let pairs: String = parameters.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
    packet(3 << 16, format!("{pairs}\0").as_bytes())
}

/// A message without a tag, as only the first ones are.
pub fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), body].concat()
}

pub fn password_message(password: &str) -> Vec<u8> {
    message(b'p', format!("{password}\0").as_bytes())
}

pub fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

pub fn parse(statement: &str, sql: &str) -> Vec<u8> {
    message(b'P', format!("{statement}\0{sql}\0\0\0").as_bytes())
}

/// One format for all parameters and one for all results: 0 is text, 1 binary.
pub fn bind(portal: &str, statement: &str, formats: [u8; 2], parameters: &[&str]) -> Vec<u8> {
    let [of_parameters, of_results] = formats;
    let mut body = format!("{portal}\0{statement}\0").into_bytes();
    body.extend([0, 1, 0, of_parameters]);
    body.extend(u16::try_from(parameters.len()).unwrap().to_be_bytes());
    for parameter in parameters {
        body.extend(u32::try_from(parameter.len()).unwrap().to_be_bytes());
        body.extend(parameter.as_bytes());
    }
    body.extend([0, 1, 0, of_results]);
    message(b'B', &body)
}

/// `S` is a statement, `P` a portal.
pub fn describe(target: char, name: &str) -> Vec<u8> {
    message(b'D', format!("{target}{name}\0").as_bytes())
}

pub fn execute(portal: &str, rows_max: u8) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), &[0, 0, 0, 0, rows_max]].concat())
}

pub fn sync() -> Vec<u8> {
    message(b'S', b"")
}

pub fn flush() -> Vec<u8> {
    message(b'H', b"")
}

/// The one shape.
pub fn one_query(sql: &str, parameters: &[&str]) -> Vec<u8> {
    [parse("", sql), bind("", "", [0, 0], parameters), describe('P', ""), execute("", 0), sync()].concat()
}
