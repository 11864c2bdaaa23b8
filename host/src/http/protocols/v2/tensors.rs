//! Tensors of a request, in JSON or in binary, as columns; and those of an answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Cell, shown};
use super::FEATURES;
use crate::http::problem::Problem;

/// The most tensors of a request; a view has a few features.
const TENSORS_MAX: usize = 1024;

/// A tensor of a request.
#[derive(Deserialize)]
pub struct Input {
    name: String,
    shape: Vec<u64>,
    datatype: Datatype,
    /// The values, row by row, flat or nested.
    data: Option<Value>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    /// How many bytes after the JSON are this tensor's.
    binary_data_size: Option<usize>,
}

/// The types that values may come in.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp32,
    Fp64,
}

/// What the tensors of a request hold.
pub enum Columns {
    /// A column for each tensor.
    Named(Vec<(String, Vec<Cell>)>),
    /// The rows of the one tensor that holds them all.
    Rows(Vec<Vec<Cell>>),
}

/// A tensor of an answer.
#[derive(Serialize)]
pub struct Output {
    name: &'static str,
    shape: [usize; 1],
    datatype: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
}

#[derive(Serialize)]
struct BinarySize {
    binary_data_size: usize,
}

/// Reads tensors, the binary ones from what follows the JSON, in their order.
///
/// # Errors
/// [`Problem`], which names the tensor and says what is wrong with it.
pub fn columns(
    inputs: Vec<Input>,
    mut binary: &[u8],
    rows_max: usize,
    rows_possible: usize,
) -> Result<Columns, Problem> {
    if inputs.len() > TENSORS_MAX {
        return Err(Problem::BadBody(format!("there are more than {TENSORS_MAX} inputs")));
    }
    let mut columns = Vec::with_capacity(inputs.len());
    for input in inputs {
        let bad = |what: &str| Problem::BadBody(format!("input `{}`: {what}", shown(&input.name)));
        let (rows, width) = match input.shape[..] {
            [rows] => (rows, 1),
            [rows, width] => (rows, width),
            _ => return Err(bad("the shape is [rows] or [rows, columns]")),
        };
        if width == 0 {
            return Err(bad("there are no columns"));
        }
        if rows > rows_possible as u64 {
            return Err(bad("the shape says more rows than the body has bytes"));
        }
        if rows > rows_max as u64 {
            return Err(Problem::TooManyRows { count: usize::try_from(rows).unwrap_or(usize::MAX), rows_max });
        }
        let values = usize::try_from(rows.saturating_mul(width)).ok().filter(|_| width <= TENSORS_MAX as u64);
        let values = values.ok_or_else(|| bad("the shape has too many columns"))?;
        let cells = match (&input.data, input.parameters.binary_data_size) {
            (Some(data), None) if data.is_array() => {
                let mut cells = Vec::with_capacity(values);
                flatten(data, values, &mut cells)?;
                cells
            }
            (None, Some(size)) => {
                let (own, rest) =
                    binary.split_at_checked(size).ok_or_else(|| bad("the body ends before its bytes do"))?;
                binary = rest;
                input.datatype.cells(own).ok_or_else(|| bad("its bytes are no whole values"))?
            }
            _ => return Err(bad("send `data`, or `binary_data_size` and the bytes after the JSON")),
        };
        if cells.len() != values {
            return Err(bad(&format!("there are {} values, the shape says {values}", cells.len())));
        }
        if input.name == FEATURES {
            let rows = cells.chunks(width as usize).map(<[Cell]>::to_vec).collect();
            columns.push((input.name, Column::Rows(rows)));
        } else if width == 1 {
            columns.push((input.name, Column::One(cells)));
        } else {
            return Err(bad("it has one column"));
        }
    }
    if !binary.is_empty() {
        return Err(Problem::BadBody("there are bytes after the last tensor".to_owned()));
    }
    let alone = columns.len() == 1;
    let mut named = Vec::with_capacity(columns.len());
    for (name, column) in columns {
        match column {
            Column::Rows(rows) if alone => return Ok(Columns::Rows(rows)),
            Column::Rows(_) => {
                return Err(Problem::BadBody(format!("`{FEATURES}` stands alone: it holds all features")));
            }
            Column::One(cells) => named.push((name, cells)),
        }
    }
    Ok(Columns::Named(named))
}

enum Column {
    One(Vec<Cell>),
    Rows(Vec<Vec<Cell>>),
}

/// Takes values in row-major order, nested or not, as far as there should be.
fn flatten(data: &Value, most: usize, cells: &mut Vec<Cell>) -> Result<(), Problem> {
    match data {
        Value::Array(parts) => {
            parts.iter().take(most.saturating_add(1)).try_for_each(|part| flatten(part, most, cells))
        }
        value if cells.len() <= most => {
            cells.push(Cell::from_json(value)?);
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Datatype {
    /// Reads little-endian values; none where the bytes are not whole ones.
    fn cells(self, bytes: &[u8]) -> Option<Vec<Cell>> {
        let integer = |value: u64| i64::try_from(value).map_or(Cell::Float(value as f64), Cell::Integer);
        match self {
            Self::Bool | Self::Uint8 => each(bytes, |value: [u8; 1]| Cell::Integer(i64::from(value[0]))),
            Self::Uint16 => each(bytes, |value| Cell::Integer(i64::from(u16::from_le_bytes(value)))),
            Self::Uint32 => each(bytes, |value| Cell::Integer(i64::from(u32::from_le_bytes(value)))),
            Self::Uint64 => each(bytes, |value| integer(u64::from_le_bytes(value))),
            Self::Int8 => each(bytes, |value| Cell::Integer(i64::from(i8::from_le_bytes(value)))),
            Self::Int16 => each(bytes, |value| Cell::Integer(i64::from(i16::from_le_bytes(value)))),
            Self::Int32 => each(bytes, |value| Cell::Integer(i64::from(i32::from_le_bytes(value)))),
            Self::Int64 => each(bytes, |value| Cell::Integer(i64::from_le_bytes(value))),
            Self::Fp32 => each(bytes, |value| Cell::Float(f64::from(f32::from_le_bytes(value)))),
            Self::Fp64 => each(bytes, |value| Cell::Float(f64::from_le_bytes(value))),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], cell: impl Fn([u8; N]) -> Cell) -> Option<Vec<Cell>> {
    let (values, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| values.iter().map(|&value| cell(value)).collect())
}

impl Output {
    /// Sets floats down, in binary where there is a place for it.
    pub fn floats(name: &'static str, values: &[f64], binary: Option<&mut Vec<u8>>) -> Self {
        let (data, parameters) = match binary {
            None => (Some(values.into()), None),
            Some(binary) => {
                let before = binary.len();
                binary.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                (None, Some(BinarySize { binary_data_size: binary.len() - before }))
            }
        };
        Self { name, shape: [values.len()], datatype: "FP64", data, parameters }
    }

    /// Sets texts down; in binary each has its length before it.
    pub fn texts<'a>(name: &'static str, values: impl Iterator<Item = &'a str>, binary: Option<&mut Vec<u8>>) -> Self {
        let values: Vec<&str> = values.collect();
        let shape = [values.len()];
        let (data, parameters) = match binary {
            None => (Some(values.into()), None),
            Some(binary) => {
                let before = binary.len();
                for value in values {
                    let length = u32::try_from(value.len()).expect("a decision is a word");
                    binary.extend(length.to_le_bytes());
                    binary.extend(value.as_bytes());
                }
                (None, Some(BinarySize { binary_data_size: binary.len() - before }))
            }
        };
        Self { name, shape, datatype: "BYTES", data, parameters }
    }
}
