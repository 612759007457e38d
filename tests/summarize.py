"""Adds up GoogleTest's JSON reports: the counts of tests/run.sh come from here.

usage: summarize.py RESULTS_FOLDER CTEST_STATUS

Prints each skipped test with its reason, then `N passed, N failed[, N skipped]` as the last line. A test
program that ctest calls failed without a failed test in its report (a crash, a time-out) counts as
one failure. Exits 1 on any failure, and when no test ran.
"""
import json
import pathlib
import re
import sys


def main():
    folder, ctest_status = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    passed = failed = 0
    skipped, failed_programs = [], set()
    for report in sorted(folder.glob("*.json")):
        for suite in json.loads(report.read_text())["testsuites"]:
            for test in suite["testsuite"]:
                name = f"{suite['name']}.{test['name']}"
                if test["status"] == "NOTRUN":
                    continue
                if test.get("failures"):
                    failed += 1
                    failed_programs.add(report.stem)
                elif test["result"] == "SKIPPED":
                    reasons = [s.get("message", "") for s in test.get("skipped", [])]
                    skipped.append((name, " ".join(reasons).strip().replace("\n", " ")))
                else:
                    passed += 1
    log = (folder / "ctest.log").read_text(errors="replace")
    # Scripts are ctest entries without a report; their status is ctest's.
    for name, outcome in re.findall(r"Test +#\d+: (\S+) \.*\**\s*(Passed|Failed|Timeout|Exception\S*|Not Run|Skipped)",
                                    log):
        reported = (folder / f"{name}.json").exists()
        if outcome == "Passed" and not reported:
            passed += 1
        elif outcome == "Skipped" and not reported:
            skipped.append((name, "see its output"))
        elif outcome not in ("Passed", "Skipped") and name not in failed_programs:
            failed += 1
            print(f"failed without a report: {name} ({outcome})")
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
