"""Data sets: the built-in digits, and IDX files found, fetched from a real server, or refused."""

import gzip
import hashlib
import io
import os
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.datasets import load_digits

from fa_engine import DATASETS, DataOptions, DatasetError, RunConfig, Trainer, load_dataset
from fa_engine.data import cifar
from fa_engine.data.digits import last_of_each_class
from fa_engine.data.files import File
from fa_engine.data.idx import (
    FASHION_FILES,
    FASHION_FOLDERS,
    MNIST_FILES,
    MNIST_FOLDERS,
    read_fashion_mnist,
    read_idx_files,
)


def idx(array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


IMAGES = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
CONTENT = idx(IMAGES)
FILE = File(
    "images-idx3-ubyte", f"md5:{hashlib.md5(CONTENT).hexdigest()}", ("images.idx3-ubyte",), "Tests"
)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A real HTTP server on a folder; yields the folder and its address."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_digits_are_scaled_and_split():
    data = load_dataset("digits")
    spec = DATASETS["digits"]
    assert data.x_train.shape == (spec.n_train, 64)
    assert data.y_test.shape == (spec.n_test, 10)
    assert data.x_train.min() == 0
    assert data.x_train.max() == 1
    train = {row.numpy().tobytes() for row in data.x_train}
    assert not train & {row.numpy().tobytes() for row in data.x_test}


def test_every_class_of_the_digits_is_split_alike():
    data = load_dataset("digits")
    train, test = data.y_train.sum(0).numpy(), data.y_test.sum(0).numpy()
    exact = (train + test) * len(data.x_test) / (len(data.x_test) + len(data.x_train))
    assert (np.abs(test - exact) < 1).all()
    again = load_dataset("digits")
    assert torch.equal(again.x_train, data.x_train)
    assert torch.equal(again.x_test, data.x_test)


def test_the_first_digits_are_those_of_the_fixed_order():
    """A stratified split takes from the end: what is learned from few samples is what it was."""
    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.target))[:1000]
    few = load_dataset("digits", dtype=torch.float64).x_train[:1000]
    np.testing.assert_array_equal(few, digits.images[order].reshape(1000, 64) / 16)


def test_shares_that_do_not_divide_go_to_the_classes_that_miss_most():
    labels = np.array([0, 1, 2, 0, 1, 0, 1, 0, 0, 1])  # 5, 4 and 1 of them
    chosen = last_of_each_class(labels, 4)  # 2, 1.6 and 0.4
    assert chosen.tolist() == [False] * 5 + [False, True, True, True, True]


def test_dtype_is_as_asked():
    assert load_dataset("digits", dtype=torch.float64).x_train.dtype == torch.float64


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_where_they_lie(tmp_path, packed):
    name = FILE.name + (".gz" if packed else "")
    (tmp_path / name).write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    (images,) = read_idx_files([tmp_path], [FILE], mirrors=[])
    np.testing.assert_array_equal(images, IMAGES)


def test_a_missing_file_is_downloaded_once(tmp_path, mirror):
    served, address = mirror
    (served / f"{FILE.name}.gz").write_bytes(gzip.compress(CONTENT))
    target = tmp_path / "data" / "set"
    dead = "http://127.0.0.1:9/"  # nothing listens there: the next mirror is tried
    (images,) = read_idx_files([target], [FILE], [dead, address])
    np.testing.assert_array_equal(images, IMAGES)
    assert [p.name for p in target.iterdir()] == [f"{FILE.name}.gz"]
    read_idx_files([target], [FILE], mirrors=[])  # from now on no server is needed


def test_a_wrong_download_leaves_nothing_behind(tmp_path, mirror):
    served, address = mirror
    (served / f"{FILE.name}.gz").write_bytes(gzip.compress(CONTENT + b"!"))
    with pytest.raises(DatasetError, match="md5"):
        read_idx_files([tmp_path / "set"], [FILE], [address])
    (served / f"{FILE.name}.gz").write_bytes(b"no gzip at all")
    with pytest.raises(DatasetError, match="could not be downloaded"):
        read_idx_files([tmp_path / "set"], [FILE], [address])
    assert list((tmp_path / "set").iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [b"", b"\x1f\x8b damaged", gzip.compress(CONTENT[:-1])],
    ids=["empty", "no gzip", "cut off"],  # a gzip file has the time in it, and processes must agree
)
def test_a_damaged_file_is_named_and_kept(tmp_path, damage):
    path = tmp_path / f"{FILE.name}.gz"
    path.write_bytes(damage)
    with pytest.raises(DatasetError, match="damaged") as caught:
        read_idx_files([tmp_path], [FILE], mirrors=[])
    assert str(path) in str(caught.value)
    assert path.read_bytes() == damage


def test_without_a_network_the_message_says_what_to_put_where(tmp_path):
    with pytest.raises(DatasetError) as caught:
        read_idx_files([tmp_path / "mnist"], MNIST_FILES, ["http://127.0.0.1:9/"])
    message = str(caught.value)
    for file in MNIST_FILES:
        assert f"{file.name}.gz" in message
    assert "no connection" in message
    assert len(message) < 500
    assert str(tmp_path / "mnist") in message
    assert "FA_DATA_DIR" in message


def test_an_unwritable_folder_is_said(tmp_path, mirror):
    served, address = mirror
    (served / f"{FILE.name}.gz").write_bytes(gzip.compress(CONTENT))
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(DatasetError, match="could not be downloaded"):
        read_idx_files([blocked / "set"], [FILE], [address])


@pytest.mark.parametrize("content", [b"abc", b"", CONTENT[:-1], b"\0\0\x0d\1\0\0\0\1\0"])
def test_what_is_no_idx_file_is_refused_by_name(tmp_path, content):
    file = File("labels", f"md5:{hashlib.md5(content).hexdigest()}")
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(DatasetError, match="labels is not an IDX file"):
        read_idx_files([tmp_path], [file], mirrors=[])


def test_labels_outside_the_classes_are_named_with_their_file(tmp_path):
    content = idx(np.array([3, 9, 12, 255], np.uint8))
    file = File("labels", f"md5:{hashlib.md5(content).hexdigest()}")
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(DatasetError, match=r"labels: label 3 is 12: allowed is 0 to 9") as caught:
        read_idx_files([tmp_path], [file], mirrors=[])
    assert str(tmp_path / "labels") in str(caught.value)


def zeros(name):
    shape = (60_000 if "train" in name else 10_000, 28, 28)
    return idx(np.zeros(shape if "images" in name else shape[:1], np.uint8))


@pytest.mark.parametrize("packed", [True, False])
def test_files_of_the_right_shape_and_other_bytes_are_refused(tmp_path, packed):
    """Zeros of the right shape were trained on as Fashion-MNIST without a word."""
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for file in FASHION_FILES:
        content = zeros(file.name)
        name = file.name + (".gz" if packed else "")
        (folder / name).write_bytes(gzip.compress(content, 1) if packed else content)
    with pytest.raises(DatasetError, match=r"train-images.* is damaged: its md5 is"):
        load_dataset("fashion_mnist", tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_in_the_place_of_fashion_mnist_is_recognised(tmp_path, mnist_dir, packed):
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for file in MNIST_FILES:
        content = (mnist_dir / "mnist" / f"{file.name}.gz").read_bytes()
        name = file.name + (".gz" if packed else "")
        (folder / name).write_bytes(content if packed else gzip.decompress(content))
    with pytest.raises(DatasetError, match=r"as of train-images-idx3-ubyte of MNIST, and should"):
        load_dataset("fashion_mnist", tmp_path)


def test_no_digest_stands_twice():
    """One that was copied to the wrong line would let a wrong file pass."""
    files = (*MNIST_FILES, *FASHION_FILES, *cifar.BINARY.batches, *cifar.PYTHON.batches)
    digests = [file.digest for file in files]
    assert len(set(digests)) == len(digests)
    for digest in digests:
        assert re.fullmatch(r"md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}", digest)


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
@pytest.mark.parametrize("folder", MNIST_FOLDERS)
def test_mnist_is_found_where_people_have_it(tmp_path, mnist_dir, folder, name, end):
    (tmp_path / folder).mkdir(parents=True)
    file = MNIST_FILES[2]
    own = file.name if "-idx" in name else file.other_names[0]
    packed = (mnist_dir / "mnist" / f"{file.name}.gz").read_bytes()
    (tmp_path / folder / (own + end)).write_bytes(packed if end else gzip.decompress(packed))
    (images,) = read_idx_files([tmp_path / f for f in MNIST_FOLDERS], [file], mirrors=[])
    assert images.shape == (10_000, 28, 28)


@pytest.mark.parametrize("folder", FASHION_FOLDERS)
def test_fashion_mnist_is_looked_for_where_people_have_it(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True)
    for file in FASHION_FILES:
        (tmp_path / folder / file.other_names[0]).write_bytes(b"other bytes")
    with pytest.raises(DatasetError) as caught:
        read_fashion_mnist(tmp_path, DataOptions())
    path = tmp_path / folder / "train-images.idx3-ubyte"
    assert str(caught.value).startswith(f"{path} is damaged")


def test_a_folder_where_a_file_is_expected_is_said(tmp_path):
    """Some programs unpack an archive into a folder of the file's own name."""
    place = tmp_path / "images.idx3-ubyte"
    place.mkdir()
    (place / "images.idx3-ubyte").write_bytes(CONTENT)
    with pytest.raises(DatasetError, match="is a folder where the file") as caught:
        read_idx_files([tmp_path], [FILE], mirrors=[])
    assert str(place) in str(caught.value)
    # As the message says: the file itself in the folder's place.
    (place / "images.idx3-ubyte").rename(tmp_path / "x")
    place.rmdir()
    (tmp_path / "x").rename(place)
    (images,) = read_idx_files([tmp_path], [FILE], mirrors=[])
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("unpacked", [False, True])
def test_following_the_messages_advice_to_the_letter_works(tmp_path, mnist_dir, unpacked):
    with pytest.raises(DatasetError) as caught:
        read_idx_files([tmp_path / "mnist"], MNIST_FILES, ["http://127.0.0.1:9/"])
    message = str(caught.value)
    folder = Path(re.search(r"is not in (\S+) and", message)[1])
    names = re.search(r"by hand: (.*?) \(they may be unpacked\)", message)[1].split(", ")
    assert len(names) == 4
    for name in names:
        content = (mnist_dir / "mnist" / name).read_bytes()
        if unpacked:
            (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
        else:
            (folder / name).write_bytes(content)
    assert load_dataset("mnist", tmp_path).x_train.shape == (60_000, 784)


def test_the_other_half_of_the_advice_works_too(tmp_path, mnist_dir, monkeypatch):
    with pytest.raises(DatasetError) as caught:
        read_idx_files([tmp_path / "mnist"], MNIST_FILES, ["http://127.0.0.1:9/"])
    holds = re.search(r"FA_DATA_DIR to the folder that holds (\w+)/", str(caught.value))[1]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / holds).symlink_to(mnist_dir / "mnist")
    monkeypatch.setenv("FA_DATA_DIR", str(tmp_path / "elsewhere"))
    assert load_dataset("mnist").x_test.shape == (10_000, 784)


def test_samples_of_another_data_set_are_refused():
    with pytest.raises(DatasetError, match="digits, train"):
        Trainer(RunConfig(), data=load_dataset("spirals"))


def test_mnist_is_complete(mnist_dir):
    data = load_dataset("mnist", mnist_dir)
    assert data.x_train.shape == (60_000, 784)
    assert data.y_test.sum(0).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.x_train.max() == 1


def digest(content):
    return f"sha1:{hashlib.sha1(content).hexdigest()}"


def cifar_layout(layout, n=4, wrong_label=None):
    """A small data set in one of the layouts of CIFAR-10: its files, their bytes, its archive."""
    r = np.random.default_rng(1)
    content, records = {}, {}
    for file in layout.batches:
        labels, pixels = r.integers(0, 10, (n, 1)), r.integers(0, 256, (n, 3072))
        if wrong_label is not None:
            labels[1] = wrong_label
        records[file.name] = np.concatenate([labels, pixels], 1).astype(np.uint8)
        batch = {b"data": pixels.astype(np.uint8), b"labels": labels[:, 0].tolist()}
        binary = layout is cifar.BINARY
        content[file.name] = records[file.name].tobytes() if binary else pickle.dumps(batch)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, part in content.items():
            member = tarfile.TarInfo(f"cifar-10-batches/{name}")
            member.size = len(part)
            tar.addfile(member, io.BytesIO(part))
    small = replace(
        layout,
        archive=replace(layout.archive, digest=digest(packed.getvalue())),
        batches=tuple(replace(f, digest=digest(content[f.name])) for f in layout.batches),
    )
    return small, content, records, packed.getvalue()


CIFAR_LAYOUTS = pytest.mark.parametrize("layout", cifar.LAYOUTS, ids=["binary", "python"])


@CIFAR_LAYOUTS
@pytest.mark.parametrize("folder", cifar.FOLDERS)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_cifar10_is_read_from_its_batches_where_people_have_them(tmp_path, layout, folder, end):
    small, content, records, _ = cifar_layout(layout)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, part in content.items():
        (tmp_path / folder / (name + end)).write_bytes(gzip.compress(part) if end else part)
    folders = [tmp_path / f for f in cifar.FOLDERS]
    x, y, x_test, y_test = cifar.read_cifar10_files(folders, [], [small])
    assert x.shape == (20, 32, 32, 3)
    assert x_test.shape == (4, 32, 32, 3)
    first, *_, last = records.values()
    assert y[0] == first[0, 0]
    assert x[0, 2, 5, 1] == first[0, 1 + 1024 + 2 * 32 + 5]  # green plane, row 2, column 5
    np.testing.assert_array_equal(y_test, last[:, 0])


@CIFAR_LAYOUTS
def test_a_damaged_batch_is_named(tmp_path, layout):
    small, content, _, _ = cifar_layout(layout)
    for name, part in content.items():
        (tmp_path / name).write_bytes(part)
    name = small.batches[3].name
    (tmp_path / name).write_bytes(content[small.batches[2].name])
    with pytest.raises(DatasetError, match=f"{name} is damaged: its sha1 is"):
        cifar.read_cifar10_files([tmp_path], [], [small])


@CIFAR_LAYOUTS
def test_a_label_outside_the_classes_of_cifar10_is_named_with_its_file(tmp_path, layout):
    small, content, _, _ = cifar_layout(layout, wrong_label=77)
    for name, part in content.items():
        (tmp_path / name).write_bytes(part)
    name = re.escape(small.batches[0].name)
    with pytest.raises(DatasetError, match=f"{name}: label 2 is 77: allowed is 0 to 9"):
        cifar.read_cifar10_files([tmp_path], [], [small])


def test_records_that_are_not_whole_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"test_batch\.bin: 5 bytes are not records of 3073"):
        cifar.parse_binary(b"short", tmp_path / "test_batch.bin")
    with pytest.raises(DatasetError, match="test_batch has no data and labels"):
        cifar.parse_python(pickle.dumps([1]), tmp_path / "test_batch")


@pytest.mark.parametrize("call", [print, Path.mkdir, np.load, np.lib.format.open_memmap])
def test_a_batch_that_would_run_something_is_refused_unrun(tmp_path, call):
    class Trap:
        def __reduce__(self):
            return call, (tmp_path / "ran",)

    batch = pickle.dumps({b"data": Trap(), b"labels": []})
    with pytest.raises(DatasetError, match="test_batch holds more than arrays"):
        cifar.parse_python(batch, tmp_path / "test_batch")
    assert list(tmp_path.iterdir()) == []


@CIFAR_LAYOUTS
def test_cifar10_is_unpacked_from_an_archive_that_is_there(tmp_path, layout):
    small, content, records, packed = cifar_layout(layout)
    (tmp_path / "cifar10").mkdir()
    (tmp_path / small.archive.name).write_bytes(packed)
    folders = [tmp_path / f for f in cifar.FOLDERS]
    _, y, *_ = cifar.read_cifar10_files(folders, [], [small])
    assert y[0] == records[small.batches[0].name][0, 0]
    kept = {path.name: path.read_bytes() for path in (tmp_path / "cifar10").iterdir()}
    assert kept == content
    (tmp_path / small.archive.name).unlink()  # from now on the batches do
    cifar.read_cifar10_files(folders, [], [small])


def test_cifar10_is_downloaded_checked_and_unpacked(tmp_path, mirror):
    served, address = mirror
    small, content, _, packed = cifar_layout(cifar.BINARY)
    home = tmp_path / "cifar10"
    (served / small.archive.name).write_bytes(packed + b"!")
    with pytest.raises(DatasetError, match="sha1"):
        cifar.read_cifar10_files([home], [address], [small])
    assert list(home.iterdir()) == []
    (served / small.archive.name).write_bytes(packed)
    x, *_ = cifar.read_cifar10_files([home], [address], [small])
    assert len(x) == 20
    assert {p.name for p in home.iterdir()} == {*content, small.archive.name}


def test_what_is_downloaded_may_be_read_by_others_whichever_umask_there_is(tmp_path, mirror):
    served, address = mirror
    small, _, _, packed = cifar_layout(cifar.BINARY)
    (served / small.archive.name).write_bytes(packed)
    home = tmp_path / "shared" / "cifar10"
    before = os.umask(0o077)  # as the dashboard's workers have it
    try:
        cifar.read_cifar10_files([home], [address], [small])
    finally:
        os.umask(before)
    for path in (home.parent, home, *home.iterdir()):
        assert path.stat().st_mode & 0o077 == (0o055 if path.is_dir() else 0o044), path


@pytest.mark.parametrize("way", [0, 1, 2])
def test_following_the_message_about_cifar10_works(tmp_path, way):
    layouts, contents, archives = [], {}, {}
    for layout in cifar.LAYOUTS:
        small, content, _, packed = cifar_layout(layout)
        layouts.append(small)
        contents |= content
        archives[small.archive.name] = packed
    home = tmp_path / "cifar10"
    with pytest.raises(DatasetError) as caught:
        cifar.read_cifar10_files([home], ["http://127.0.0.1:9/"], layouts)
    message = str(caught.value)
    one, other, batches = re.search(
        r"Put (\S+) or (\S+) there by hand, or from the first (.*?); or", message
    ).groups()
    chosen = [[one], [other], batches.split(", ")][way]
    for name in chosen:
        (home / name).write_bytes((archives | contents)[name])
    x, *_ = cifar.read_cifar10_files([home], ["http://127.0.0.1:9/"], layouts)
    assert len(x) == 20


def test_a_teacher_teaches_what_a_student_can_learn():
    classes = load_dataset("teacher")
    assert classes.y_train.sum(1).eq(1).all()
    outputs = load_dataset("teacher", options=DataOptions(regression=True))
    assert torch.equal(outputs.x_train, classes.x_train)
    assert torch.equal(outputs.y_train.argmax(1), classes.y_train.argmax(1))
    deeper = load_dataset("teacher", options=DataOptions(teacher_hidden=(16, 16), regression=True))
    assert not torch.equal(deeper.y_train, outputs.y_train)
    run = RunConfig(dataset="teacher", loss="squared_error", epochs=20, replicates=2, hidden=(64,))
    measured = list(Trainer(run))
    assert measured[-1].test_loss.mean() < 0.5 * measured[0].test_loss.mean()


def test_spirals_need_a_hidden_layer():
    run = RunConfig(
        dataset="spirals", hidden=(64, 64), epochs=200, replicates=1, learning_rate=0.3, scheme="bp"
    )
    deep = list(Trainer(run))[-1].test_accuracy[0]
    shallow = list(Trainer(run.replace(scheme="shallow")))[-1].test_accuracy[0]
    assert deep > 0.9
    assert shallow < deep - 0.03


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_label_noise_replaces_the_share_asked_for(share):
    clean = load_dataset("digits")
    noisy = load_dataset("digits", options=DataOptions(label_noise=share))
    wrong = (clean.y_train.argmax(1) != noisy.y_train.argmax(1)).double().mean().item()
    assert wrong == pytest.approx(share, abs=1e-3)
    assert torch.equal(clean.y_test, noisy.y_test)


@pytest.mark.parametrize("train_samples", [40, 100])
def test_label_noise_is_a_share_of_the_samples_that_are_used(train_samples):
    config = RunConfig(train_samples=train_samples, batch_size=20, label_noise=0.25)
    noisy = Trainer(config).data.y_train.argmax(1)
    clean = Trainer(config.replace(label_noise=0)).data.y_train.argmax(1)
    assert len(noisy) == train_samples
    assert (noisy != clean).sum() == train_samples / 4


def test_the_first_training_samples_alone():
    config = RunConfig(hidden=(5,), train_samples=40, batch_size=20, epochs=3, shuffle=False)
    assert (config.steps_per_epoch, config.total_steps) == (2, 6)
    trainer = Trainer(config)
    whole = load_dataset("digits")
    assert torch.equal(trainer.data.x_train, whole.x_train[:40].to(trainer.data.x_train))
    assert torch.equal(trainer.data.x_test, whole.x_test.to(trainer.data.x_test))
    given = Trainer(config, data=trainer.data)  # cut already
    for one, other in zip(trainer, given, strict=True):
        np.testing.assert_array_equal(one.loss, other.loss)
    with pytest.raises(ValidationError, match="batch_size = 64: allowed is at most 40"):
        RunConfig(train_samples=40)


def test_an_unknown_data_set_is_named_with_those_that_are_there():
    with pytest.raises(DatasetError, match=r"dataset = 'nope': allowed is one of digits, mnist"):
        load_dataset("nope")


def test_digits_are_those_of_scikit_learn_which_is_not_imported_for_them():
    code = (
        "import sys, numpy as np; from fa_engine.data.digits import _shipped; "
        "images, labels = _shipped(); assert 'sklearn' not in sys.modules; "
        "from sklearn.datasets import load_digits; theirs = load_digits(); "
        "assert np.array_equal(images, theirs.images); assert np.array_equal(labels, theirs.target)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_digits_without_scikit_learn_are_said(monkeypatch):
    monkeypatch.setattr("fa_engine.data.digits.find_spec", lambda _name: None)
    with pytest.raises(DatasetError, match="digits come with scikit-learn, which is not installed"):
        load_dataset("digits")
