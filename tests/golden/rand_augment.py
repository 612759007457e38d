#!/usr/bin/env python3
"""Writes rand_augment.txt, what Pillow makes of a few images, for rand_augment_test.cc.

Needs python3-pil. The ranges are those of torchvision's RandAugment with 31 bins.

    /usr/bin/python3 tests/golden/rand_augment.py >tests/golden/rand_augment.txt

Lines: `image NAME C,H,W PIXELS`, then for that image `OPERATION MAGNITUDE SIGN PIXELS`; pixels are planar,
in hex.
"""

from PIL import Image, ImageEnhance, ImageOps

from derived_weights import Rng

MAGNITUDES = (0, 1, 9, 18, 30)


def affine(image, matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.NEAREST)


def signed(image, name, m, sign):
    """Operations with a sign."""
    shear, factor = sign * (0.3 * m / 30), 1 + sign * (0.9 * m / 30)
    right, down = (sign * (150 * extent * m // (331 * 30)) for extent in image.size)
    return {
        "shear_x": lambda: affine(image, (1, shear, 0, 0, 1, 0)),
        "shear_y": lambda: affine(image, (1, 0, 0, shear, 1, 0)),
        "translate_x": lambda: affine(image, (1, 0, -right, 0, 1, 0)),
        "translate_y": lambda: affine(image, (1, 0, 0, 0, 1, -down)),
        "rotate": lambda: image.rotate(sign * m, resample=Image.NEAREST),
        "brightness": lambda: ImageEnhance.Brightness(image).enhance(factor),
        "color": lambda: ImageEnhance.Color(image).enhance(factor),
        "contrast": lambda: ImageEnhance.Contrast(image).enhance(factor),
        "sharpness": lambda: ImageEnhance.Sharpness(image).enhance(factor),
    }[name]()


SIGNED = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate", "brightness", "color", "contrast",
          "sharpness")
# By magnitude.
GRADED = {
    "posterize": lambda image, m: ImageOps.posterize(image, 8 - round(m / 7.5)),
    "solarize": lambda image, m: ImageOps.solarize(image, 255 - 255 * m / 30),
}
PLAIN = {"identity": lambda image: image, "auto_contrast": ImageOps.autocontrast, "equalize": ImageOps.equalize}


def planar(image):
    return b"".join(band.tobytes() for band in image.split()).hex()


def random_image(seed, channels, height, width, low, high):
    """A gradient under noise, so that no operation leaves it as it is."""
    rng = Rng(seed)
    bands = []
    for channel in range(channels):
        band = bytearray()
        for y in range(height):
            for x in range(width):
                slope = (x * (channel + 1) + 2 * y) * 255 // (width * channels + 2 * height)
                value = (slope + rng.integer(256)) // 2
                band.append(low + value * (high - low) // 255)
        bands.append(Image.frombytes("L", (width, height), bytes(band)))
    return bands[0] if channels == 1 else Image.merge("RGB", bands)


def emit(name, magnitude, sign, image):
    print(name, magnitude, sign, planar(image))


def main():
    images = {
        "colour": random_image(1, 3, 8, 9, 0, 255),
        "grey": random_image(2, 1, 7, 10, 20, 200),
        "large": random_image(3, 1, 24, 24, 40, 130),
        "flat": Image.new("RGB", (3, 4), (7, 130, 255)),
    }
    for name, image in images.items():
        width, height = image.size
        print("image", name, f"{len(image.getbands())},{height},{width}", planar(image))
        for plain, apply in PLAIN.items():
            emit(plain, 9, 1, apply(image))
        for m in MAGNITUDES[2:3] if name == "large" else MAGNITUDES:
            for graded, apply in GRADED.items():
                emit(graded, m, 1, apply(image, m))
            for operation in SIGNED:
                for sign in (1, -1):
                    emit(operation, m, sign, signed(image, operation, m, sign))


if __name__ == "__main__":
    main()
