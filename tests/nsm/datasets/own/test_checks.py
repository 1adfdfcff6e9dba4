"""Wrong data of your own is refused by name and value; scale, shape and order follow rules."""

import gzip
import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsm.datasets import check_source, load_data
from nsm.datasets.own.images import checked_images, scaled, white_of
from nsm.datasets.own.labels import checked_labels, class_names_of, numbered, sorted_names
from nsm.datasets.own.split import stratified
from tests.helpers import own_data
from tests.helpers.own_data import NAMES, pictures

X, Y = pictures()


def npz(folder, **names):
    np.savez(folder / "a.npz", **names)
    return folder / "a.npz"


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("minst", ValueError, "unknown data set 'minst'; did you mean 'mnist'.*a folder"),
        ("no/where", FileNotFoundError, "no file or folder no/where"),
        ("none.npz", FileNotFoundError, "no file or folder none.npz"),
        ("no_module_of_this:name", ValueError, "no module 'no_module_of_this'"),
        ("math:nothing", ValueError, "module 'math' has no 'nothing', which 'math:nothing' names"),
        ("math:pi", ValueError, "math:pi is a float; name a callable"),
    ],
)
def test_a_source_that_is_not_there_is_refused(source, error, message):
    with pytest.raises(error, match=message):
        load_data(source)


def test_an_unknown_option_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="unknown option of load_data 'whit'; did you mean 'white"):
        load_data("digits", whit=255)


def test_names_are_checked_without_reading(tmp_path):
    for source in ("mnist", str(tmp_path), "some.module:name"):
        assert check_source(source) == source
    with pytest.raises(ValueError, match="unknown data set 'minst'"):
        check_source("minst")
    with pytest.raises(FileNotFoundError, match="no file or folder a.csv"):
        check_source("a.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"white": 0}, "white = 0 is not allowed"),
        ({"test_fraction": 1}, "test_fraction = 1 is not allowed"),
        ({"split_seed": -1}, "split_seed = -1 is not allowed"),
        ({"image_shape": (6, 5)}, "image_shape = .6, 5. is not allowed"),
        ({"image_shape": (1, 0, 5)}, "image_shape = 0 is not allowed"),
        ({"label_column": 3}, "label_column = 3 is not allowed"),
        ({"label_column": "first"}, "label_column = 'first' has no effect: it is for CSV files"),
        ({"image_shape": (1, 6, 5)}, "image_shape = .1, 6, 5. has no effect: .*(24, 6, 5)"),
        ({"data_dir": "folder"}, "data_dir = 'folder' has no effect"),
    ],
)
def test_an_option_that_is_wrong_or_has_no_effect_is_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_data(npz(tmp_path, x=X, y=Y), **options)


def test_options_have_no_effect_on_published_sets_and_given_test_sets(tmp_path):
    with pytest.raises(ValueError, match="white = 16 has no effect: digits is a published set"):
        load_data("digits", white=16)
    path = npz(tmp_path, x_train=X, y_train=Y, x_test=X, y_test=Y)
    with pytest.raises(ValueError, match="test_fraction = 0.5 has no effect: the data has a test"):
        load_data(path, test_fraction=0.5)
    with pytest.raises(ValueError, match="split_seed = 0 has no effect"):
        load_data(path, split_seed=0)
    with pytest.raises(ValueError, match="white = 2.0 has no effect: a Data is complete"):
        load_data(load_data(path), white=2.0)
    with pytest.raises(ValueError, match="image_shape = .1, 5, 5. has 25 pixels, but .* have 30"):
        load_data(npz(tmp_path, x=X.reshape(24, -1), y=Y), image_shape=(1, 5, 5))


@pytest.mark.parametrize(
    ("images", "white"),
    [
        (np.array([[0, 255]], np.uint8), 255),
        (np.array([[0, 128]], np.uint8), 255),
        (np.array([[0, 40000]], np.uint16), 65535),
        (np.array([[0, 255]], np.uint16), 255),
        (np.array([[0, 255]]), 255),
        (np.array([[0.0, 255.0]]), 255),
        (np.array([[0, 1]], np.uint8), 1),
        (np.array([[True, False]]), 1),
        (np.array([[-1, 1]]), 1),
        (np.array([[0.0, 0.7]]), 1),
        (np.array([[-2.3, 255.0]]), 1),
    ],
)
def test_the_values_tell_which_is_white(images, white):
    assert white_of("x", images) == white


@pytest.mark.parametrize(
    "images", [np.array([[0, 16]]), np.array([[0.0, 16.0]]), np.array([[0, 100]], np.uint8)]
)
def test_a_scale_that_nothing_tells_is_asked_for(images, tmp_path):
    with pytest.raises(ValueError, match=f"whole numbers from 0 to {images.max():g}; say which"):
        white_of("x", images)
    x = np.tile(images, (4, 1))
    data = load_data(npz(tmp_path, x=x, y=[0, 0, 1, 1]), white=images.max())
    assert data.x_train.max() == 1


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((4, 30), (1, 1, 30)),
        ((4, 6, 5), (1, 6, 5)),
        ((4, 3, 6, 5), (3, 6, 5)),
        ((4, 6, 5, 3), (3, 6, 5)),
        ((4, 10, 6, 5), (10, 6, 5)),
    ],
)
def test_shapes_are_channels_rows_columns(shape, found):
    images = np.arange(np.prod(shape)).reshape(shape)
    rows, got = checked_images("x", images)
    assert got == found
    first = np.moveaxis(images, -1, 1) if shape == (4, 6, 5, 3) else images
    np.testing.assert_array_equal(rows, first.reshape(4, -1))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 3, 6, 3)), "x has shape (4, 3, 6, 3), in which channels may come first or"),
        (np.zeros(4), "x has shape (4,); images are"),
        (np.zeros((0, 4)), "x has shape (0, 4): it holds no images"),
        (np.full((2, 4), np.nan), "x holds 8 values that are NaN"),
        (np.array([["a", "b"]]), "x is not an array of real numbers"),
    ],
)
def test_images_that_are_none_are_refused(images, message):
    with pytest.raises(ValueError) as refusal:
        checked_images("x", images)
    assert message in str(refusal.value)


def test_values_beyond_float32_are_refused():
    with pytest.raises(ValueError, match="x holds 1 values that are NaN or infinite"):
        scaled("x", np.array([[1e300, 0.0]]), 1)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((3, 2), int), "y has shape (3, 2); 3 images need (3,) (one-hot"),
        ([0, 1], "y has shape (2,); 3 images need (3,)"),
        ([0.0, 1.5, 2], "y: the label of image 0 is 0.0 (float64)"),
        (["a", "", "b"], "y: the label of image 1 is ''"),
        (np.array(["a", None, "b"], object), "y: the label of image 1 is None"),
    ],
)
def test_labels_that_are_none_are_refused(labels, message):
    with pytest.raises(ValueError) as refusal:
        checked_labels("y", labels, 3)
    assert message in str(refusal.value)


@given(labels=st.lists(st.integers(-3, 40), min_size=2, max_size=30))
def test_numbers_are_ranks_of_labels(labels):
    checked = checked_labels("y", labels, len(labels))
    if len(set(labels)) == 1:
        with pytest.raises(ValueError, match="at least two classes"):
            class_names_of("y", checked, all_classes=True)
        return
    names = class_names_of("y", checked, all_classes=True)
    numbers = numbered("y", checked, names, are_numbers=False)
    assert [int(names[i]) for i in numbers] == labels
    np.testing.assert_array_equal(numbers, np.unique(labels, return_inverse=True)[1])


@given(labels=st.lists(st.text("ab1", min_size=1, max_size=3), min_size=2, max_size=20))
def test_names_are_kept_in_sorted_order(labels):
    checked = checked_labels("y", labels, len(labels))
    names = sorted_names(set(labels))
    assert [names[i] for i in numbered("y", checked, names, are_numbers=True)] == labels


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["3", "12", "-1"], ("-1", "3", "12")),
        (["01", "1", "2"], ("01", "1", "2")),
        (["12345678901234567890", "7"], ("7", "12345678901234567890")),
        (["9223372036854775807", "7"], ("7", "9223372036854775807")),
        (["True", "False"], ("False", "True")),
        (["NA", "+1", "-0"], ("+1", "-0", "NA")),
    ],
)
@pytest.mark.parametrize("header", [True, False])
def test_labels_in_a_csv_keep_the_names_that_they_are_written_with(texts, names, header, tmp_path):
    """An NPZ with the same texts has the same classes."""
    rows = [(text, str(pixel)) for text in texts for pixel in (0, 1)]
    lines = ["label,p0"] * header + [",".join(row) for row in rows]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    data = load_data(path, label_column=None if header else "first")
    labels, pixels = zip(*rows, strict=True)
    npz(tmp_path, x=np.array(pixels, dtype="f4")[:, None], y=np.array(labels))
    assert data.class_names == names
    assert set(load_data(tmp_path / "a.npz").class_names) == set(names)


def test_whole_numbers_beyond_int64_are_names():
    y = np.array([2**63, 2**64 - 1, 5] * 2, dtype=np.uint64)
    data = load_data((np.linspace(0, 1, 6)[:, None], y))
    assert data.class_names == ("5", str(2**63), str(2**64 - 1))


def test_letters_from_1_to_26_are_classes_0_to_25(tmp_path):
    y = np.repeat(np.arange(1, 27), 2)
    data = load_data(npz(tmp_path, x=np.random.default_rng(0).random((52, 4)), y=y))
    assert data.class_names == tuple(map(str, range(1, 27)))
    assert sorted(data.y_test) == list(range(26))


def test_a_label_of_the_test_set_alone_is_refused(tmp_path):
    path = npz(tmp_path, x_train=X, y_train=Y, x_test=X[:2], y_test=[0, 7])
    with pytest.raises(ValueError, match="the label of image 1 is 7, which is not among the 3"):
        load_data(path)
    path = npz(tmp_path, x_train=X, y_train=Y, x_test=X[:3], y_test=["0", "1", "2"])
    with pytest.raises(ValueError, match="labels such as 0 .int64., but .* such as 0 .<U1."):
        load_data(path)


def test_test_images_alone_keep_their_class_numbers(tmp_path):
    data = load_data(npz(tmp_path, x_test=X[:3], y_test=[0, 5, 9]))
    assert len(data.class_names) == 10
    assert data.y_test.tolist() == [0, 5, 9]
    assert data.x_train.shape == (0, 30)
    with pytest.raises(ValueError, match="labels such as bag do not tell the order"):
        load_data(npz(tmp_path, x_test=X[:2], y_test=["bag", "coat"]))
    named = load_data(npz(tmp_path, x_test=X[:2], y_test=["bag", "coat"], class_names=NAMES))
    assert named.y_test.tolist() == [0, 2]
    with pytest.raises(ValueError, match="class_names = .'a', 'a'. are not allowed"):
        load_data(npz(tmp_path, x_test=X[:2], y_test=[0, 1], class_names=["a", "a"]))


@given(
    counts=st.lists(st.integers(2, 30), min_size=2, max_size=5),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 9),
)
def test_a_split_has_its_share_of_every_class_and_no_image_twice(counts, fraction, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    names = list("abcde")[: len(counts)]
    train, test = stratified(y, names, fraction, seed)
    assert sorted([*train, *test]) == list(range(len(y)))
    for i, count in enumerate(counts):
        share = (y[test] == i).sum()
        assert share == min(max(round(fraction * count), 1), count - 1)
    again = stratified(y, names, fraction, seed)
    np.testing.assert_array_equal(test, again[1])


def test_a_class_of_one_image_cannot_be_split(tmp_path):
    with pytest.raises(ValueError, match="class '1' has 1 images, too few to keep one for test"):
        load_data(npz(tmp_path, x=X[:3], y=[0, 1, 0]))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"a": X, "b": Y}, "holds 'a', 'b', but no images and labels; give x, y"),
        ({"x": X}, "holds 'x', which is not one array of images and one of labels"),
        ({"x": X, "y": Y, "images": X}, "holds 'x', 'y', 'images', which is not one"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y}, "images without a part beside train or test"),
        ({"x_train": X, "y_test": Y}, "holds 'x' for train, which is not one"),
        ({"x_test": X, "test_x": X, "y_test": Y}, "two arrays for 'x' of one part ('test_x')"),
        ({"train_x_test": X, "y": Y}, "has the key 'train_x_test'"),
        ({"x": X, "y": np.array([None] * 24)}, "no NPZ of arrays (Object arrays"),
    ],
)
def test_other_names_of_arrays_are_refused(names, message, tmp_path):
    with pytest.raises(ValueError) as refusal:
        load_data(npz(tmp_path, **names))
    assert message in str(refusal.value)


def test_files_of_another_kind_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    (tmp_path / "a.mat").write_bytes(b"nothing")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "b", X)
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    for name, message in (
        ("a.npz", "a.npz is truncated or no NPZ"),
        ("b.npz", "b.npz is truncated or no NPZ of arrays (it is no zip"),
        ("a.mat", "a.mat is of no known kind (.mat)"),
        ("empty", "the folder {}/empty holds no data that is known"),
    ):
        with pytest.raises(ValueError) as refusal:
            load_data(tmp_path / name)
        assert message.format(tmp_path) in str(refusal.value)


def test_other_objects_are_refused():
    for value, message in (
        (3, "the data is a int; give a torch Dataset"),
        ((X, Y, X), "the data gives 3 values; give x, y or"),
        (_Items([1, 2]), "item 0 of the images of the data is a int; give pairs"),
        (_Items([]), "the data set is empty"),
        (_Items([(X[0], 0), (X[0, :2], 1)]), "image 1 of the images of the data has shape (2, 5)"),
    ):
        with pytest.raises(ValueError) as refusal:
            load_data(value)
        assert message in str(refusal.value)


class _Items:
    """A map-style data set of these items."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "first line of {} ('a', 'b') has 0 columns 'label'"),
        ("label,Label,b\n1,2,3\n", "has 2 columns 'label'; say where the labels are"),
        ("label,p0,p1\n0,1,x\n", "line 2 of {} holds 'x' in column 'p1'"),
        ("label,p0,p1\n0,1,\n1,2,3\n", "line 2 of {} holds '' in column 'p1'"),
        ("label,p0\n0,1\n1,2,3\n", "is not a CSV of images"),
        ("id,label,p0\n1,0,1\n", "column 1 of {} is called 'id': it numbers the rows"),
        (",label,p0\n1,0,1\n", "column 1 of {} is called '': it numbers the rows"),
        ("", "is not a CSV of images"),
        ("label,p0\n,255\n1,2\n", "the label of image 0 is"),
        ("label,p0,p0\n0,1,2\n", "columns 2 and 3 of {} are both called 'p0'"),
        ("label,p0\n0.5,255\n1,2\n", "with a point or an exponent, such as 0.5; labels are"),
    ],
)
def test_a_csv_that_is_ambiguous_or_wrong_is_refused(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError) as refusal:
        load_data(path)
    assert message.format(path) in str(refusal.value)


def test_idx_files_that_do_not_belong_together_are_refused(tmp_path):
    for name, stem, message in (
        ("two", "emnist-digits-{}-{}-idx{}-ubyte", "several data sets (, emnist-digits)"),
        ("all", "{1}-idx{2}-ubyte", "holds labels-idx1-ubyte beside files for train or test"),
    ):
        folder = own_data.write_idx(tmp_path / name, (X, Y), (X, Y))
        own_data.write_idx(folder, (X, Y), stem=stem)
        with pytest.raises(ValueError) as refusal:
            load_data(folder)
        assert message in str(refusal.value)
    (tmp_path / "two" / "t10k-labels-idx1-ubyte").unlink()
    for path in (tmp_path / "two").glob("emnist*"):
        path.unlink()
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte without its labels"):
        load_data(tmp_path / "two")


def test_damaged_idx_files_are_refused(tmp_path):
    folder = own_data.write_idx(tmp_path / "a", (X, Y))
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="train-images-idx3-ubyte is truncated or too long"):
        load_data(folder)
    path.unlink()
    path.with_suffix(".gz").write_bytes(gzip.compress(struct.pack(">4B", 0, 0, 13, 1)))
    with pytest.raises(ValueError, match="is not an IDX file of unsigned bytes"):
        load_data(folder)


def _swap_one(folder):
    from PIL import Image

    Image.fromarray(np.zeros((3, 5), np.uint8)).save(folder / "bag" / "000.png")


def _nest(folder):
    (folder / "zebra" / "inner").mkdir(parents=True)
    (folder / "zebra" / "inner" / "a.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_swap_one, "003.png is 5 × 6, gray, 8 bits, but {}/bag/000.png is 5 × 3"),
        (lambda f: (f / "a.png").write_bytes(b""), "{}/a.png lies beside the folders"),
        (lambda f: (f / "bag" / "a.txt").write_text(""), "{}/bag/a.txt is not one of .png"),
        (lambda f: (f / "bag" / "000.png").write_bytes(b"no"), "bag/000.png is truncated or no"),
        (lambda f: (f / "nobody").mkdir(), "the folder {}/nobody is empty"),
        (_nest, "{}/zebra/inner is a folder within the class 'zebra'"),
        (lambda f: own_data.write_idx(f, (X, Y)), "holds IDX files and images"),
        (lambda f: (f / "train").mkdir(), "holds bag/ beside train/"),
    ],
)
def test_folders_of_images_that_are_wrong_are_refused(damage, message, tmp_path):
    folder = own_data.write_pictures(tmp_path / "p", X, Y)
    damage(folder)
    with pytest.raises(ValueError) as refusal:
        load_data(folder)
    assert message.format(folder) in str(refusal.value)


def test_transparent_images_are_refused(tmp_path):
    from PIL import Image

    folder = own_data.write_pictures(tmp_path / "p", X, Y)
    image = Image.fromarray(X[0]).convert("RGBA")
    image.putalpha(100)
    image.save(folder / "bag" / "000.png")
    with pytest.raises(ValueError, match="bag/000.png .mode RGBA. is transparent"):
        load_data(folder)


def test_without_pillow_the_message_says_what_to_install(tmp_path, monkeypatch):
    folder = own_data.write_pictures(tmp_path / "p", X, Y)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="reading .png files needs Pillow: python -m pip install"):
        load_data(folder)


def test_a_module_that_lacks_something_says_what(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lacking_module.py").write_text("import no_such_library\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_data("lacking_module:data")
    assert str(tmp_path) not in sys.path
