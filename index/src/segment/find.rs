//! Finding ids among ascending ones that hardly have gaps.

/// The position of `id` among ascending `ids`, looked for from `guess` on in steps that double (Bentley and Yao, 1976):
/// a good guess costs one comparison, and a bad one twice what a binary search does. Ids in any other order may make it
/// miss one.
pub(crate) fn position_near(ids: &[u64], id: u64, guess: u64) -> Option<usize> {
    let last = ids.len().checked_sub(1)?;
    let guess = usize::try_from(guess).map_or(last, |guess| guess.min(last));
    if ids[guess] == id {
        return Some(guess);
    }
    // The range in which it must be.
    let (mut start, mut end) = (0, ids.len());
    let mut step = 1;
    if ids[guess] < id {
        start = guess + 1;
        while let Some(&next) = ids.get(guess.saturating_add(step)) {
            if next >= id {
                end = guess + step + 1;
                break;
            }
            start = guess + step + 1;
            step *= 2;
        }
    } else {
        end = guess;
        while let Some(at) = guess.checked_sub(step) {
            if ids[at] <= id {
                start = at;
                break;
            }
            end = at;
            step *= 2;
        }
    }
    Some(start + ids[start..end].binary_search(&id).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_binary_search(
            steps in prop::collection::vec(prop_oneof![9 => Just(1u64), 1 => 1u64..50], 0..200),
            wanted in 0u64..1000,
            guess in prop_oneof![0u64..250, any::<u64>()],
        ) {
            let ids: Vec<u64> = steps.iter().scan(100, |id, step| { *id += step; Some(*id) }).collect();
            for id in ids.iter().copied().chain([wanted]) {
                prop_assert_eq!(position_near(&ids, id, guess), ids.binary_search(&id).ok());
                let near = id.saturating_sub(ids.first().copied().unwrap_or_default());
                prop_assert_eq!(position_near(&ids, id, near), ids.binary_search(&id).ok());
            }
        }

        #[test]
        fn what_is_found_in_disorder_is_right(ids in prop::collection::vec(0u64..40, 0..60), id in 0u64..40, guess: u64) {
            prop_assert!(position_near(&ids, id, guess).is_none_or(|found| ids[found] == id));
        }
    }
}
