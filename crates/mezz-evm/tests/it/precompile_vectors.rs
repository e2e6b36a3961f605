//! The vectors of `precompile_vectors.txt`; also read by the tests and benchmarks of `mezz-crypto`.

/// One line of `precompile_vectors.txt`.
pub(crate) struct Vector {
    pub(crate) precompile: u16,
    pub(crate) gas: u64,
    pub(crate) input: Vec<u8>,
    /// `None` for a failure.
    pub(crate) output: Option<Vec<u8>>,
}

/// Published and independently computed inputs and outputs.
pub(crate) fn vectors() -> Vec<Vector> {
    let lines = include_str!("precompile_vectors.txt").lines();
    let data = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    data.map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [number, gas, input, output] = fields[..] else { panic!("four fields: {line}") };
        let bytes =
            |field: &str| if field == "-" { Vec::new() } else { hex::decode(field).expect("hex") };
        Vector {
            precompile: u16::from_str_radix(&number[2..], 16).expect("a number"),
            gas: gas.parse().expect("a number"),
            input: bytes(input),
            output: (output != "!").then(|| bytes(output)),
        }
    })
    .collect()
}
