"""Data sets: the built-in digits, and IDX files found, fetched from a real server, or refused."""

import gzip
import hashlib
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from fa_engine import DATASETS, DatasetError, load_dataset
from fa_engine.datasets import MNIST_FILES, IdxFile, read_idx_files


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
    assert "train-images-idx3-ubyte.gz" in message
    assert str(tmp_path / "mnist") in message
    assert "FA_DATA_DIR" in message


def test_an_unwritable_folder_is_said(tmp_path, mirror):
    served, address = mirror
    (served / f"{FILE.name}.gz").write_bytes(gzip.compress(CONTENT))
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(DatasetError, match="could not be downloaded"):
        read_idx_files(blocked / "set", [FILE], [address])


def test_mnist_is_complete(mnist_dir):
    data = load_dataset("mnist", mnist_dir)
    assert data.x_train.shape == (60_000, 784)
    assert data.y_test.sum(0).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.x_train.max() == 1
