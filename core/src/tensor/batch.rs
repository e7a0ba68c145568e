//! Tensors joined along their first axis, and taken apart again.

use super::{Data, Tensor};

impl Tensor {
    /// The length of the first axis; `None` for a scalar.
    pub fn rows(&self) -> Option<u64> {
        self.shape.first().copied()
    }

    /// Whether rows of `other` can follow this tensor's own: the same name and datatype, and the
    /// same length of every axis but the first, which both have.
    pub fn joins(&self, other: &Tensor) -> bool {
        self.name == other.name
            && self.datatype == other.datatype
            && self.shape.len() == other.shape.len()
            && !self.shape.is_empty()
            && self.shape[1..] == other.shape[1..]
    }

    /// One tensor with the rows of each of `parts`, in their order; `None` when there are none or
    /// they do not [join](Tensor::joins).
    pub fn join(parts: &[&Tensor]) -> Option<Tensor> {
        let (first, others) = parts.split_first()?;
        let mut rows = first.rows()?;
        for other in others {
            rows = rows.checked_add(other.rows().filter(|_| first.joins(other))?)?;
        }
        let data = match &first.data {
            Data::Raw(_) => Data::Raw(parts.iter().map(|part| part.raw()).collect::<Vec<_>>().concat()),
            Data::Strings(_) => {
                Data::Strings(parts.iter().map(|part| part.strings()).collect::<Vec<_>>().concat())
            }
        };
        let shape = std::iter::once(rows).chain(first.shape[1..].iter().copied()).collect();
        Some(Tensor { name: first.name.clone(), datatype: first.datatype, shape, data })
    }

    /// Tensors of so many rows each, in order; `None` unless the rows add up to the first axis and
    /// the elements fill the shape.
    pub fn split(&self, rows: &[u64]) -> Option<Vec<Tensor>> {
        self.validate().ok()?;
        let all = self.rows()?;
        let sum = rows.iter().try_fold(0_u64, |sum, rows| sum.checked_add(*rows))?;
        if sum != all {
            return None;
        }
        let mut start = 0;
        let part = |count: &u64| {
            let range = start..start + *count as usize;
            start = range.end;
            let shape = std::iter::once(*count).chain(self.shape[1..].iter().copied()).collect();
            let data = match &self.data {
                Data::Raw(bytes) => Data::Raw(slice(bytes, all, range).to_vec()),
                Data::Strings(strings) => Data::Strings(slice(strings, all, range).to_vec()),
            };
            Tensor { name: self.name.clone(), datatype: self.datatype, shape, data }
        };
        Some(rows.iter().map(part).collect())
    }

    fn raw(&self) -> &[u8] {
        match &self.data {
            Data::Raw(bytes) => bytes,
            Data::Strings(_) => &[],
        }
    }

    fn strings(&self) -> &[String] {
        match &self.data {
            Data::Strings(strings) => strings,
            Data::Raw(_) => &[],
        }
    }
}

/// The part of `all` rows that `range` is.
fn slice<T>(elements: &[T], all: u64, range: std::ops::Range<usize>) -> &[T] {
    let width = elements.len() / (all as usize).max(1);
    &elements[range.start * width..range.end * width]
}

#[cfg(test)]
mod tests {
    use super::super::Datatype;
    use super::*;

    fn bytes(shape: &[u64], bytes: &[u8]) -> Tensor {
        Tensor::new("x", Datatype::Uint8, shape.to_vec(), Data::Raw(bytes.to_vec())).unwrap()
    }

    fn texts(texts: &[&str]) -> Tensor {
        let strings = texts.iter().map(ToString::to_string).collect();
        Tensor::new("x", Datatype::Bytes, vec![texts.len() as u64], Data::Strings(strings)).unwrap()
    }

    fn check(parts: &[Tensor], joined: &Tensor) {
        let came = Tensor::join(&parts.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(came, *joined);
        let rows: Vec<_> = parts.iter().map(|part| part.rows().unwrap()).collect();
        assert_eq!(came.split(&rows).unwrap(), parts);
    }

    #[test]
    fn what_was_joined_is_split_as_it_was() {
        check(&[bytes(&[1, 2], &[1, 2])], &bytes(&[1, 2], &[1, 2]));
        let (one, two) = (bytes(&[1, 2], &[1, 2]), bytes(&[2, 2], &[3, 4, 5, 6]));
        check(&[one, two], &bytes(&[3, 2], &[1, 2, 3, 4, 5, 6]));
        check(&[texts(&["a", "b"]), texts(&[]), texts(&["c"])], &texts(&["a", "b", "c"]));
        check(&[bytes(&[2, 0], &[]), bytes(&[1, 0], &[])], &bytes(&[3, 0], &[]));
    }

    #[test]
    fn only_tensors_of_one_kind_are_joined() {
        let x = bytes(&[1, 2], &[1, 2]);
        let refused = |other: Tensor| assert_eq!(Tensor::join(&[&x, &other]), None, "{other:?}");
        refused(bytes(&[1, 1], &[1]));
        refused(bytes(&[2], &[1, 2]));
        refused(Tensor { name: "y".into(), ..x.clone() });
        refused(Tensor { datatype: Datatype::Int8, ..x.clone() });
        refused(texts(&["a"]));
        assert_eq!(Tensor::join(&[]), None);
        assert_eq!(Tensor::join(&[&bytes(&[], &[1])]), None);
    }

    #[test]
    fn rows_must_add_up() {
        let x = bytes(&[3, 1], &[1, 2, 3]);
        assert_eq!(x.split(&[1, 1]), None);
        assert_eq!(x.split(&[2, 2]), None);
        assert_eq!(x.split(&[u64::MAX, 4]), None);
        assert_eq!(bytes(&[], &[1]).split(&[1]), None);
        assert_eq!(Tensor { shape: vec![4, 1], ..x }.split(&[4]), None);
    }
}
