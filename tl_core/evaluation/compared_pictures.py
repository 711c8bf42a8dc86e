"""Which pictures ways to classify are compared on, and how these are divided into folds.

It knows the image set; what is compared on it knows `assessment_parts` and `ranking`.
"""

from tl_core.errors import DatasetError
from tl_core.evaluation.out_of_fold import Division, divide
from tl_core.images import ImageSet, LabelledImage

Pool = tuple[LabelledImage, ...]


def pool_of(images: ImageSet, most: int) -> tuple[Pool, int]:
    """Return at most about `most` pictures, and how many more there would be.

    The person's own test part is not among them, so that nothing is decided by it.
    """
    whole = tuple(one for one in images.images if not (images.test_given and one.split == "test"))
    return some_of(whole, most), max(0, len(whole) - most)


def divided(pool: Pool, images: ImageSet, *, seed: int) -> Division:
    """Return the folds, groups never separated.

    Raises:
        DatasetError: If no two classes can be put aside and learnt from.
    """
    division = divide(pool, len(images.class_names), seed=seed)
    if division is None:
        raise DatasetError(
            "Fewer than two classes have pictures of two groups, so nothing can be put aside to "
            "measure on. Add pictures from another source, or look at the groups on the Images "
            "page."
        )
    return division


def some_of(pool: Pool, most: int) -> Pool:
    """Return at most about `most` pictures, two or more of each class, in their order."""
    if len(pool) <= most:
        return pool
    by_class: dict[int, list[LabelledImage]] = {}
    for image in sorted(pool, key=lambda one: one.digest):  # digests are as good as random
        by_class.setdefault(image.label, []).append(image)
    share = most / len(pool)
    kept = {
        one.digest for part in by_class.values() for one in part[: max(2, int(len(part) * share))]
    }
    return tuple(image for image in pool if image.digest in kept)
