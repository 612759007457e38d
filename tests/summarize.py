"""Adds up GoogleTest's XML reports: the counts of tests/run.sh come from here.

usage: summarize.py RESULTS_FOLDER CTEST_STATUS

Prints each skipped test with its reason, then `N passed, N failed[, N skipped]` as the last line. A test
program that ctest calls failed without a failed test in its report (a crash, a time-out) counts as
one failure. Exits 1 on any failure, and when no test ran.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

OUTCOME = re.compile(
    r"Test +#\d+: (\S+) [. ]*(?:Subprocess aborted|Child aborted)?\**"
    r"(Passed|Failed|Timeout|Exception|Not Run|Skipped)")


def main():
    folder, ctest_status = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    passed = failed = 0
    skipped, reported, failed_programs = [], set(), set()
    for report in sorted(folder.glob("*.xml")):
        reported.add(report.stem)
        for test in ElementTree.parse(report).iter("testcase"):
            if test.get("status") == "notrun":
                continue
            if test.find("failure") is not None:
                failed += 1
                failed_programs.add(report.stem)
            elif test.get("result") == "skipped":
                reason = test.find("skipped").get("message", "").strip().splitlines()
                skipped.append((f"{test.get('classname')}.{test.get('name')}", " ".join(reason)))
            else:
                passed += 1
    log = (folder / "ctest.log").read_text(errors="replace")
    for name, outcome in OUTCOME.findall(log):
        if outcome != "Passed" and name not in failed_programs:
            failed += 1
            print(f"failed without a failed test in its report: {name} ({outcome})")
        elif name not in reported:
            passed += 1  # a script: its status is all there is
    if ctest_status != 0 and failed == 0:
        failed = 1
        print(f"ctest ended with status {ctest_status}")
    for name, reason in skipped:
        print(f"skipped {name}: {reason or 'no reason given'}")
    total = f"{passed} passed, {failed} failed"
    print(total + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
