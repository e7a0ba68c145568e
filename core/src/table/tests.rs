use serde_json::json;

use super::*;
use crate::{ModelMetadata, RowSchema};

fn schema() -> RowSchema {
    let model: ModelMetadata = serde_json::from_value(json!({
        "name": "m", "version": "1", "digest": "",
        "inputs": [
            { "name": "age", "datatype": "FP32", "shape": [-1, 1] },
            { "name": "city", "datatype": "BYTES", "shape": [-1, 1] },
        ],
        "outputs": [{ "name": "y", "datatype": "FP32", "shape": [-1, 1] }],
    }))
    .unwrap();
    RowSchema::new(&model).unwrap()
}

/// Reads `text` in pieces of `size` bytes.
fn read(text: &[u8], size: usize) -> Result<Vec<Map<String, Value>>, TableError> {
    let (schema, mut reader) = (schema(), Reader::default());
    let mut records = vec![];
    for piece in text.chunks(size) {
        records.extend(reader.push(piece, &schema)?);
    }
    records.extend(reader.finish(&schema)?);
    Ok(records.iter().map(|record| reader.row(record, &schema)).collect())
}

fn check(text: &[u8], expect: Result<Value, &str>) {
    for size in [1, 2, 7, usize::MAX] {
        let came = read(text, size).map(|rows| json!(rows)).map_err(|error| error.to_string());
        assert_eq!(came, expect.clone().map_err(str::to_owned), "in pieces of {size}");
    }
}

#[test]
fn the_size_of_the_pieces_makes_no_difference() {
    let rows = json!([{ "age": 1.5, "city": "Köln, \"old\"\ntown" }, { "age": null, "city": "7" }]);
    check("age, note ,city\n 1.5,x,\"Köln, \"\"old\"\"\ntown\"\n,y,7".as_bytes(), Ok(rows.clone()));
    check("\u{feff}age,city\r\n1.5,\"Köln, \"\"old\"\"\ntown\"\r\n\r\n,7\r\n".as_bytes(), Ok(rows));
    check("\u{feff}\"age\"\n1".as_bytes(), Ok(json!([{ "age": 1 }])));
    check(b"city\n", Ok(json!([])));
    check(b"", Err("the file is empty"));
}

#[test]
fn an_error_names_the_row_as_a_spreadsheet_counts() {
    check(b"age,city\n1,x\n2\n", Err("row 3: expected 2 cells, as many as the header has, came 1"));
    check(b"age,city\n1,x,y\n", Err("row 2: expected 2 cells, as many as the header has, came 3"));
    let latin = b"age,city\n1,K\xf6ln\n";
    check(latin, Err("row 2 is not UTF-8 text; save the file as CSV in UTF-8"));
    check(b"\xff\xfea\0g\0e\0", Err("row 1 is not UTF-8 text; save the file as CSV in UTF-8"));
    check(b"age,age\n", Err("the header has the column \"age\" twice"));
    let foreign = "no column of the header is a feature of the model; is it separated by commas? It begins \"age;city\"";
    check(b"age;city\n1;x\n", Err(foreign));
}

#[test]
fn a_quote_that_is_not_closed_does_not_take_the_whole_file() {
    let text = [b"age,city\n1,\"".as_slice(), &vec![b'x'; 3 << 20]].concat();
    let error = read(&text, 1 << 16).unwrap_err();
    assert_eq!(error.to_string(), "row 2 has more than 1048576 bytes; is a quote not closed?");
}
