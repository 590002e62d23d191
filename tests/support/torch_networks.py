"""Run by a Python that has PyTorch: networks with random weights, and what they answer.

    python torch_networks.py facenet PHOTO FOLDER
    python torch_networks.py dsfd PHOTO FOLDER

writes ``new.pt`` and ``old.pt``, the weights in both of PyTorch's formats, and ``answers.npz``; of
the second network they are computed in double precision, and ``off`` is by how much PyTorch's own
in single precision differ from them.
FaceNet is facenet-pytorch's own module; the Dual Shot Face Detector is written here with
torchvision's ResNet-152, from the facts that `facewatchd.engines.dsfd_graph` names.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional


def without_its_library() -> None:
    """Let torchvision be imported where its compiled part does not fit this PyTorch.

    That part is looked for when the module is imported, and nothing here uses it.
    """
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    KEPT.append(operators)


KEPT: list[Any] = []  # what torch forgets when nobody holds it


def randomise(network: nn.Module, seen: Any) -> None:
    """Give every layer random weights with which its answers to ``seen`` differ, and are near 1."""
    torch.manual_seed(1)
    hooks = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight)
            hooks.append(layer.register_forward_hook(tame))
        elif isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(layer.weight, 0.2, 0.6)
            nn.init.normal_(layer.bias, std=0.3)
            layer.momentum = 1.0  # what it keeps is all of what it sees now
    with torch.no_grad():
        network.train()
        network(seen)
    for hook in hooks:
        hook.remove()
    network.eval()


def tame(layer: Any, _seen: Any, answers: Any) -> Any:
    """Scale a layer's weights so that its answers have a deviation of 1."""
    scale = 1 / answers.std()
    for weights in layer.parameters():
        weights.mul_(scale)
    return answers * scale


def saved(module: nn.Module, folder: Path) -> None:
    torch.save(module.state_dict(), folder / "new.pt")
    torch.save(module.state_dict(), folder / "old.pt", _use_new_zipfile_serialization=False)


def facenet(photo: Path, folder: Path) -> None:
    from facenet_pytorch import InceptionResnetV1  # noqa: PLC0415 - only this network needs it
    from facenet_pytorch import fixed_image_standardization as standardised  # noqa: PLC0415
    from facenet_pytorch.models.mtcnn import extract_face  # noqa: PLC0415

    network = InceptionResnetV1(classify=True, num_classes=7).eval()  # as published: with logits
    network.classify = False
    picture = Image.open(photo).convert("RGB")
    width, height = picture.size
    boxes = [
        (60, 50, 190, 200),  # half as large again as 160, another shape
        (100, 90, 131, 122),  # enlarged
        (-30, height // 2, 90, height + 40),  # beyond two edges
        (0, 0, width, height),
    ]
    chips = torch.stack([extract_face(picture, box) for box in boxes])
    randomise(network, standardised(chips))
    saved(network, folder)
    with torch.no_grad():
        encodings = network(standardised(chips))
    np.savez(folder / "answers.npz", boxes=boxes, chips=chips, encodings=encodings)


class Enhanced(nn.Module):  # type: ignore[misc] # PyTorch is not in this environment
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cpm1 = nn.Conv2d(channels, 256, 3, padding=1)
        self.cpm2 = nn.Conv2d(channels, 256, 3, padding=2, dilation=2)
        self.cpm3 = nn.Conv2d(256, 128, 3, padding=1)
        self.cpm4 = nn.Conv2d(256, 128, 3, padding=2, dilation=2)
        self.cpm5 = nn.Conv2d(128, 128, 3, padding=1)

    def forward(self, plane: Any) -> Any:
        wide = self.cpm2(plane).relu()
        widest = self.cpm5(self.cpm4(wide).relu()).relu()
        return torch.cat([self.cpm1(plane).relu(), self.cpm3(wide).relu(), widest], dim=1)


class Head(nn.Module):  # type: ignore[misc] # PyTorch is not in this environment
    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(512, 256, 3, padding=1)
        self.conv2 = nn.Conv2d(256, 256, 3, padding=1)
        self.conv3 = nn.Conv2d(256, 256, 3, padding=1)
        self.conv4 = nn.Conv2d(256, numbers, 1)

    def forward(self, plane: Any) -> Any:
        for layer in (self.conv1, self.conv2, self.conv3):
            plane = layer(plane).relu()
        return self.conv4(plane)


def halving(channels: int, middle: int, filters: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, middle, 1),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, filters, 3, stride=2, padding=1),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
    )


class DualShot(nn.Module):  # type: ignore[misc] # PyTorch is not in this environment
    """What of the detector is used to look for faces: its second shot."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet152  # noqa: PLC0415 - see without_its_library

        backbone = resnet152()
        self.layer1 = nn.Sequential(
            backbone.conv1, backbone.bn1, backbone.relu, backbone.maxpool, backbone.layer1
        )
        self.layer2 = nn.Sequential(backbone.layer2)
        self.layer3 = nn.Sequential(backbone.layer3)
        self.layer4 = nn.Sequential(backbone.layer4)
        self.layer5 = halving(2048, 512, 512)
        self.layer6 = halving(512, 128, 256)
        for number, channels in ((1, 256), (2, 512), (3, 1024)):
            self.add_module(f"latlayer{number}", nn.Conv2d(2 * channels, channels, 1))
            self.add_module(f"smooth{number}", nn.Conv2d(channels, channels, 1))
        self.modules_of_levels = ("cpm3_3", "cpm4_3", "cpm5_3", "cpm7", "cpm6_2", "cpm7_2")
        for name, channels in zip(
            self.modules_of_levels, (256, 512, 1024, 2048, 512, 256), strict=True
        ):
            self.add_module(name, Enhanced(channels))
        self.loc = nn.ModuleList(map(Head, (4, 8, 12, 12, 12, 12)))
        self.conf = nn.ModuleList(map(Head, (4, 6, 8, 8, 8, 8)))

    def forward(self, picture: Any) -> tuple[list[Any], list[Any]]:
        """Return, level by level, the probability of each cell and its four offsets."""
        levels = []
        for number in range(1, 7):
            picture = self.get_submodule(f"layer{number}")(picture)
            levels.append(picture)
        for number in (3, 2, 1):
            larger = self.get_submodule(f"smooth{number}")(levels[number - 1])
            smaller = self.get_submodule(f"latlayer{number}")(levels[number])
            levels[number - 1] = larger * functional.interpolate(
                smaller, size=larger.shape[2:], mode="bilinear", align_corners=True
            )
        probabilities, offsets = [], []
        for number, (plane, name) in enumerate(zip(levels, self.modules_of_levels, strict=True)):
            seen = self.get_submodule(name)(plane)
            logits = self.conf[number](seen)
            most, last = logits[:, :3].amax(dim=1), logits[:, 3]
            pair = torch.stack([most, last] if number == 0 else [last, most], dim=1)
            probabilities.append(pair.softmax(dim=1)[:, 1])
            offsets.append(self.loc[number](seen)[:, :4])
        return probabilities, offsets


def dsfd(photo: Path, folder: Path) -> None:
    network = DualShot()
    pixels = np.asarray(Image.open(photo).convert("RGB"))[:201, :235]  # odd: levels do not fit
    centred = torch.tensor(pixels.astype(np.float32) - np.array([123, 117, 104], np.float32))
    blue_first = centred.flip(2).permute(2, 0, 1)[None]
    randomise(network, blue_first)
    saved(network, folder)
    single = answers(network, blue_first)
    exact = answers(network.double(), blue_first.double())
    levels = {f"level{number}": level for number, level in enumerate(exact)}
    off = [float((a - b).abs().max()) for a, b in zip(single, exact, strict=True)]
    np.savez(folder / "answers.npz", pixels=pixels, off=off, **levels)


def answers(network: DualShot, picture: Any) -> list[Any]:
    """Return the probability and the offsets of each cell (1, 5, rows, columns), by level."""
    with torch.no_grad():
        probabilities, offsets = network(picture)
    pairs = zip(probabilities, offsets, strict=True)
    return [torch.cat([share[:, None], moved], dim=1) for share, moved in pairs]


if __name__ == "__main__":
    without_its_library()
    {"facenet": facenet, "dsfd": dsfd}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
