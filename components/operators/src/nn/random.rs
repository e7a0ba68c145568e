//! Random numbers, the same in every run: a component has no source of randomness.
//!
//! The generator is the Mersenne Twister MT19937 of Matsumoto and Nishimura, 1998, from whose 32-bit words a double of 53
//! bits is made, as NumPy's `RandomState(seed).uniform()` does; so a seed gives the numbers of ONNX's reference.

use tract_onnx::pb::NodeProto;

const LEN: usize = 624;

pub(super) struct Random {
    state: [u32; LEN],
    at: usize,
    normal: Option<f64>,
}

impl Random {
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; LEN];
        for ix in 1..LEN {
            let before = state[ix - 1];
            state[ix] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(ix as u32);
        }
        Self { state, at: LEN, normal: None }
    }

    fn word(&mut self) -> u32 {
        if self.at == LEN {
            for ix in 0..LEN {
                let mixed = (self.state[ix] & 0x8000_0000) | (self.state[(ix + 1) % LEN] & 0x7fff_ffff);
                let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[ix] = self.state[(ix + 397) % LEN] ^ (mixed >> 1) ^ odd;
            }
            self.at = 0;
        }
        let mut word = self.state[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A number of the normal distribution, by Marsaglia's polar method, which makes two at a time.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(other) = self.normal.take() {
            return other;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.normal = Some(scale * x);
                return scale * y;
            }
        }
    }

    /// A number of 0..1, 1 excluded.
    pub(super) fn uniform(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }
}

/// The seed of a node that has none: from its output's name, so that nodes differ.
pub(super) fn seed_of(node: &NodeProto) -> u32 {
    let bytes = node.output.first().map_or(&[][..], |name| name.as_bytes());
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_numpys_numbers() {
        let mut random = Random::new(0);
        let numbers: Vec<f64> = (0..700).map(|_| random.uniform()).collect();
        assert_eq!(numbers[..2], [0.5488135039273248, 0.7151893663724195]);
        assert_eq!(numbers[699], 0.8427768626848423);
    }
}
