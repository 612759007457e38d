"""Runs one file of Python's unittest and reports as GoogleTest does, so that tests/summarize.py counts
its tests.

usage: unittest_main.py NAME FILE

With GTEST_OUTPUT=xml:FOLDER/ in the environment the report is FOLDER/NAME.xml. Exits 1 on a failure.
"""
import importlib.util
import os
import pathlib
import sys
import unittest
import xml.etree.ElementTree as ElementTree


class Result(unittest.TextTestResult):
    """Remembers the outcome of each test: its text, or None for a success."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.failed, self.skipped_for, self.passed = {}, {}, set()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.add(test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed[test.id()] = self.failures[-1][1]

    def addError(self, test, err):
        super().addError(test, err)
        self.failed[test.id()] = self.errors[-1][1]

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            text = self._exc_info_to_string(err, test)
            self.failed[test.id()] = self.failed.get(test.id(), "") + f"{subtest}\n{text}\n"

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skipped_for[test.id()] = reason

    def to_xml(self):
        suites = ElementTree.Element("testsuites")
        suite = ElementTree.SubElement(suites, "testsuite")
        for name in sorted(self.passed | self.failed.keys() | self.skipped_for.keys()):
            skipped = name in self.skipped_for and name not in self.failed
            # `module.Class.test`, or `setUpClass (module.Class)` if that fails.
            suite_name, _, test_name = name.rpartition(".")
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=suite_name,
                name=test_name,
                status="run",
                result="skipped" if skipped else "completed",
            )
            if name in self.failed:
                ElementTree.SubElement(case, "failure", message=self.failed[name])
            elif skipped:
                ElementTree.SubElement(case, "skipped", message=self.skipped_for[name])
        return suites


def load_tests(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def main():
    name, path = sys.argv[1], pathlib.Path(sys.argv[2])
    result = unittest.TextTestRunner(resultclass=Result, verbosity=2).run(load_tests(path))
    kind, _, folder = os.environ.get("GTEST_OUTPUT", "").partition(":")
    if kind == "xml":
        report = ElementTree.ElementTree(result.to_xml())
        report.write(pathlib.Path(folder) / f"{name}.xml", encoding="utf-8", xml_declaration=True)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
