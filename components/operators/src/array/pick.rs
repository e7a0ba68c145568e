//! What the operators share: checked sizes, walks over coordinates, and moving elements of any type.

use tract_onnx::tract_hir::internal::*;

/// The bytes that one output may take: attributes and inputs choose shapes freely, and wasm has 32 bits.
const LARGEST: usize = i32::MAX as usize;

/// The number of elements of an output of `shape`, each of `size` bytes.
pub(crate) fn volume(shape: &[usize], size: usize) -> TractResult<usize> {
    // An empty output has its other lengths checked, too: loops run over them.
    let volume = shape.iter().try_fold(1usize, |volume, len| volume.checked_mul((*len).max(1)));
    match volume.filter(|volume| volume.checked_mul(size).is_some_and(|bytes| bytes <= LARGEST)) {
        Some(volume) => Ok(if shape.contains(&0) { 0 } else { volume }),
        None => bail!("expected an output of less than 2 GiB, got shape {shape:?} of {size} bytes each"),
    }
}

/// The elements of an output of `shape`, all `value` yet.
pub(crate) fn filled<T: Clone>(shape: &[usize], value: T) -> TractResult<Vec<T>> {
    let volume = volume(shape, size_of::<T>())?;
    let mut elements = vec![];
    elements.try_reserve_exact(volume)?;
    elements.resize(volume, value);
    Ok(elements)
}

/// Goes to the next coordinates within `shape`, in row-major order; false after the last, which are followed by zeros.
pub(crate) fn advance(coordinates: &mut [usize], shape: &[usize]) -> bool {
    for (at, len) in coordinates.iter_mut().zip(shape).rev() {
        *at += 1;
        if *at < *len {
            return true;
        }
        *at = 0;
    }
    false
}

/// The axis that ONNX's `axis` of `-rank..rank` means.
pub(crate) fn axis(axis: i64, rank: usize) -> TractResult<usize> {
    let positive = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(positive) {
        Ok(positive) if positive < rank => Ok(positive),
        _ => bail!("expected an axis of -{rank}..{rank}, got {axis}"),
    }
}

/// A source that is no element of the input: the output has a zero, false, an empty string or a given value there.
pub(crate) const NONE: usize = usize::MAX;

/// A tensor of `shape` whose block `n` (that many elements in a row) is the input's block `sources[n]`.
pub(crate) fn pick(
    input: &Tensor,
    shape: &[usize],
    block: usize,
    sources: &[usize],
    fill: Option<&Tensor>,
) -> TractResult<Tensor> {
    let datum_type = input.datum_type();
    let volume = volume(shape, datum_type.size_of())?;
    ensure!(Some(volume) == sources.len().checked_mul(block), "expected as many sources as blocks");
    let fill = fill.filter(|fill| fill.len() == 1 && fill.datum_type() == datum_type);
    if datum_type == String::datum_type() {
        let from = input.try_as_plain_ram()?;
        let empty = [String::new()];
        let fill = fill.map(|fill| fill.try_as_plain_ram()).transpose()?;
        let fill = fill.as_ref().map(|fill| fill.as_slice()).transpose()?.unwrap_or(&empty);
        let moved = moved(from.as_slice::<String>()?, block, sources, fill)?;
        return Ok(tract_ndarray::ArrayD::from_shape_vec(shape, moved)?.into_tensor());
    }
    ensure!(
        datum_type.is_copy() && input.is_plain_ram(),
        "expected numbers, truths or strings, got {datum_type:?}"
    );
    let size = datum_type.size_of();
    let zero = [0u8; 16];
    let fill = fill.map_or(&zero[..size], Tensor::as_bytes);
    let mut output = Tensor::zero_dt(datum_type, shape)?;
    output.as_bytes_mut().copy_from_slice(&moved(input.as_bytes(), block * size, sources, fill)?);
    Ok(output)
}

fn moved<T: Clone>(from: &[T], block: usize, sources: &[usize], fill: &[T]) -> TractResult<Vec<T>> {
    let mut to = vec![];
    to.try_reserve_exact(block * sources.len())?;
    for &source in sources {
        if source == NONE {
            to.extend(fill.iter().cycle().take(block).cloned());
        } else {
            let start = source.checked_mul(block);
            let found = start.and_then(|start| from.get(start..start + block));
            to.extend_from_slice(found.context("expected sources within the input")?);
        }
    }
    Ok(to)
}

/// A tensor with the input's element at `maps[0][i], maps[1][j], ..` in place `i, j, ..`; a map may have [`NONE`].
pub(crate) fn pick_along(input: &Tensor, maps: &[Vec<usize>], fill: Option<&Tensor>) -> TractResult<Tensor> {
    let (from, rank) = (input.shape(), input.rank());
    ensure!(maps.len() == rank, "expected a map per axis");
    ensure!(
        maps.iter().zip(from).all(|(map, len)| map.iter().all(|at| *at < *len || *at == NONE)),
        "expected sources within the input"
    );
    let shape: TVec<usize> = maps.iter().map(Vec::len).collect();
    volume(&shape, size_of::<usize>())?;
    // Axes at the end that stay as they are move as blocks.
    let whole = |axis: usize| {
        maps[axis].len() == from[axis] && maps[axis].iter().enumerate().all(|(to, at)| to == *at)
    };
    let outer = (0..rank).rev().find(|axis| !whole(*axis)).map_or(0, |axis| axis + 1);
    let block = from[outer..].iter().product();
    let mut sources = vec![0];
    for (map, len) in maps[..outer].iter().zip(from) {
        let add = |base: usize, at: usize| if base == NONE || at == NONE { NONE } else { base * len + at };
        sources = sources.iter().flat_map(|base| map.iter().map(move |at| add(*base, *at))).collect();
    }
    pick(input, &shape, block, &sources, fill)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_picked_per_axis_and_filled_elsewhere() {
        let x = tensor2(&[[1i32, 2], [3, 4]]);
        let maps = [vec![1, NONE, 0], vec![1, 0]];
        assert_eq!(pick_along(&x, &maps, None).unwrap(), tensor2(&[[4i32, 3], [0, 0], [2, 1]]));
        let maps = [vec![1, 0], vec![0, 1]];
        assert_eq!(pick_along(&x, &maps, None).unwrap(), tensor2(&[[3i32, 4], [1, 2]]));
        let words = tensor1(&["a".to_string(), "b".into()]);
        let fill = tensor0("z".to_string());
        let expect = tensor1(&["b".to_string(), "z".into()]);
        assert_eq!(pick_along(&words, &[vec![1, NONE]], Some(&fill)).unwrap(), expect);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let x = tensor1(&[1i32, 2]);
        assert!(pick_along(&x, &[vec![2]], None).is_err());
        assert!(pick(&x, &[1], 1, &[7], None).is_err());
        assert!(volume(&[usize::MAX, 2], 4).is_err() && volume(&[usize::MAX, 0], 4).is_err());
        assert_eq!(volume(&[7, 0], 4).unwrap(), 0);
        assert!(axis(-3, 2).is_err() && axis(i64::MIN, 2).is_err());
        assert_eq!(axis(-1, 2).unwrap(), 1);
    }
}
