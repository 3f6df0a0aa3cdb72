from setuptools import find_packages, setup

setup(packages=[*find_packages("src"), "webdnn.runtime"], package_dir={"": "src", "webdnn.runtime": "webdnn_js/dist"})
