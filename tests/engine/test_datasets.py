"""Data sets: the built-in digits, and IDX files found, fetched from a real server, or refused."""

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fa_engine import DATASETS, DatasetError, RunConfig, Trainer, load_dataset
from fa_engine.datasets import (
    CIFAR10_ARCHIVE,
    CIFAR10_TEST,
    CIFAR10_TRAIN,
    MNIST_FILES,
    DataOptions,
    IdxFile,
    read_cifar10,
    read_idx_files,
)


def idx(array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


IMAGES = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
CONTENT = idx(IMAGES)
FILE = IdxFile("images-idx3-ubyte", hashlib.md5(CONTENT).hexdigest())


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


def test_digits_are_scaled_balanced_and_split():
    data = load_dataset("digits")
    spec = DATASETS["digits"]
    assert data.x_train.shape == (spec.n_train, 64)
    assert data.y_test.shape == (spec.n_test, 10)
    assert data.x_train.min() == 0
    assert data.x_train.max() == 1
    assert (data.y_train.sum(0) > 0.08 * spec.n_train).all()
    assert (data.y_test.sum(0) > 0.06 * spec.n_test).all()
    train = {row.numpy().tobytes() for row in data.x_train}
    assert not train & {row.numpy().tobytes() for row in data.x_test}


def test_dtype_is_as_asked():
    assert load_dataset("digits", dtype=torch.float64).x_train.dtype == torch.float64


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_where_they_lie(tmp_path, packed):
    name = FILE.name + (".gz" if packed else "")
    (tmp_path / name).write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    (images,) = read_idx_files(tmp_path, [FILE], mirrors=[])
    np.testing.assert_array_equal(images, IMAGES)


def test_a_missing_file_is_downloaded_once(tmp_path, mirror):
    served, address = mirror
    (served / f"{FILE.name}.gz").write_bytes(gzip.compress(CONTENT))
    target = tmp_path / "data" / "set"
    dead = "http://127.0.0.1:9/"  # nothing listens there: the next mirror is tried
    (images,) = read_idx_files(target, [FILE], [dead, address])
    np.testing.assert_array_equal(images, IMAGES)
    assert [p.name for p in target.iterdir()] == [f"{FILE.name}.gz"]
    read_idx_files(target, [FILE], mirrors=[])  # from now on no server is needed


def test_a_wrong_download_leaves_nothing_behind(tmp_path, mirror):
    served, address = mirror
    (served / f"{FILE.name}.gz").write_bytes(gzip.compress(CONTENT + b"!"))
    with pytest.raises(DatasetError, match="md5"):
        read_idx_files(tmp_path / "set", [FILE], [address])
    (served / f"{FILE.name}.gz").write_bytes(b"no gzip at all")
    with pytest.raises(DatasetError, match="could not be downloaded"):
        read_idx_files(tmp_path / "set", [FILE], [address])
    assert list((tmp_path / "set").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8b damaged", gzip.compress(CONTENT[:-1])])
def test_a_damaged_file_is_named_and_kept(tmp_path, damage):
    path = tmp_path / f"{FILE.name}.gz"
    path.write_bytes(damage)
    with pytest.raises(DatasetError, match="damaged") as caught:
        read_idx_files(tmp_path, [FILE], mirrors=[])
    assert str(path) in str(caught.value)
    assert path.read_bytes() == damage


def test_without_a_network_the_message_says_what_to_put_where(tmp_path):
    with pytest.raises(DatasetError) as caught:
        read_idx_files(tmp_path / "mnist", MNIST_FILES, ["http://127.0.0.1:9/"])
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
        read_idx_files(blocked / "set", [FILE], [address])


@pytest.mark.parametrize("content", [b"abc", b"", CONTENT[:-1], b"\0\0\x0d\1\0\0\0\1\0"])
def test_what_is_no_idx_file_is_refused_by_name(tmp_path, content):
    file = IdxFile("labels", "", packed=True)
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(DatasetError, match="labels is not an IDX file"):
        read_idx_files(tmp_path, [file], mirrors=[])


def test_samples_of_another_size_are_refused(tmp_path):
    small = idx(np.zeros((1000, 28, 28), np.uint8)), idx(np.zeros(1000, np.uint8))
    (tmp_path / "fashion_mnist").mkdir()
    for part in ("train", "t10k"):
        for kind, content in zip(("images-idx3", "labels-idx1"), small, strict=True):
            (tmp_path / "fashion_mnist" / f"{part}-{kind}-ubyte").write_bytes(content)
    with pytest.raises(DatasetError, match=r"fashion_mnist, train.*\(1000, 784\).*\(60000, 784\)"):
        load_dataset("fashion_mnist", tmp_path)
    with pytest.raises(DatasetError, match="digits, train"):
        Trainer(RunConfig(), data=load_dataset("spirals"))


def test_mnist_is_complete(mnist_dir):
    data = load_dataset("mnist", mnist_dir)
    assert data.x_train.shape == (60_000, 784)
    assert data.y_test.sum(0).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.x_train.max() == 1


def test_a_file_known_by_its_packed_bytes_is_checked_as_it_was_published(tmp_path):
    packed = gzip.compress(CONTENT)
    file = IdxFile(FILE.name, hashlib.md5(packed).hexdigest(), packed=True)
    (tmp_path / f"{FILE.name}.gz").write_bytes(packed)
    (images,) = read_idx_files(tmp_path, [file], mirrors=[])
    np.testing.assert_array_equal(images, IMAGES)
    (tmp_path / f"{FILE.name}.gz").write_bytes(gzip.compress(CONTENT, compresslevel=1) + b"!")
    with pytest.raises(DatasetError, match="damaged"):
        read_idx_files(tmp_path, [file], mirrors=[])


def cifar_records(n, seed):
    r = np.random.default_rng(seed)
    parts = [r.integers(0, 10, (n, 1)), r.integers(0, 256, (n, 3072))]
    return np.concatenate(parts, axis=1).astype(np.uint8)


def test_cifar10_is_read_from_its_binary_files(tmp_path):
    batches = {name: cifar_records(4, i) for i, name in enumerate((*CIFAR10_TRAIN, *CIFAR10_TEST))}
    for name, records in batches.items():
        records.tofile(tmp_path / name)
    x, y, x_test, y_test = read_cifar10(tmp_path, mirrors=[])
    assert x.shape == (20, 32, 32, 3)
    assert x_test.shape == (4, 32, 32, 3)
    first = batches["data_batch_1.bin"][0]
    assert y[0] == first[0]
    assert x[0, 2, 5, 1] == first[1 + 1024 + 2 * 32 + 5]  # green plane, row 2, column 5
    np.testing.assert_array_equal(y_test, batches["test_batch.bin"][:, 0])
    (tmp_path / "test_batch.bin").write_bytes(b"short")
    with pytest.raises(DatasetError, match=r"test_batch\.bin is damaged"):
        read_cifar10(tmp_path, mirrors=[])


def test_cifar10_is_unpacked_from_its_archive(tmp_path, mirror, monkeypatch):
    served, address = mirror
    with tarfile.open(served / CIFAR10_ARCHIVE, "w:gz") as tar:
        for i, name in enumerate((*CIFAR10_TRAIN, *CIFAR10_TEST)):
            content = cifar_records(2, i).tobytes()
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    content = (served / CIFAR10_ARCHIVE).read_bytes()
    with pytest.raises(DatasetError, match="md5"):
        read_cifar10(tmp_path / "cifar10", [address])
    monkeypatch.setattr("fa_engine.datasets.CIFAR10_MD5", hashlib.md5(content).hexdigest())
    x, *_ = read_cifar10(tmp_path / "cifar10", [address])
    assert len(x) == 10


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
