//! Numbers of a fixed length, as signatures and moduli have them.

/// a − b, big-endian, of one length.
pub fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let difference = i16::from(*a) - i16::from(*b) - borrow;
            borrow = i16::from(difference < 0);
            u8::try_from(difference.rem_euclid(256)).unwrap_or(0)
        })
        .collect();
    digits.reverse();
    digits
}

/// a + b, big-endian, of one length; what overflows is lost.
pub fn plus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(*b) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xff).unwrap_or(0)
        })
        .collect();
    digits.reverse();
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_carry_and_borrow() {
        assert_eq!(plus(&[0, 255], &[0, 1]), [1, 0]);
        assert_eq!(minus(&[1, 0], &[0, 1]), [0, 255]);
        assert_eq!(plus(&[255], &[1]), [0]);
    }
}
