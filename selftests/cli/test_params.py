#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`xslice params`, and the word that changes the mechanism: no definition needs a parameter that only one of them knows (R4, R47)."""
import sys

import tool

FORMS = ("", "-dual", "-v6")
ROWS = ("slice", "node sliver", "link sliver", "other")
MECHANISMS = ("segmentation", "paging")


def example(form):
    with open(tool.FIGURE7.replace("figure7", "figure7" + form), encoding="utf-8") as file:
        return file.read()


def params(text, *words):
    return tool.run("xslice", "params", "--json", *words, "-", stdin=text).exits(0).json()


def none_is_required():
    for form in FORMS:
        table = params(example(form))
        for row in (*ROWS, "total", "substrate"):
            assert table[row]["required"] == {"segmentation": 0, "paging": 0}, (form, row, table)
            assert table[row]["override"] == {"segmentation": 0, "paging": 0}, (form, row, table)
        for group in ("required", "override", "expanded"):
            for mechanism in MECHANISMS:
                assert table["total"][group][mechanism] == sum(table[row][group][mechanism] for row in ROWS)
        assert table["total"]["common"] == sum(table[row]["common"] for row in ROWS)
        assert all(table["total"]["expanded"][mechanism] > table["total"]["common"] for mechanism in MECHANISMS)


def figure_7_by_hand():
    """As docs/parameters.md tells it."""
    table = params(example(""))
    assert {row: table[row]["common"] for row in ROWS} == {"slice": 5, "node sliver": 16, "link sliver": 13, "other": 44}
    text = tool.run("xslice", "params", tool.FIGURE7).exits(0).out
    with open(tool.TOP + "/docs/parameters.md", encoding="utf-8") as file:
        assert text.rstrip() in file.read(), text


def overrides_are_counted_apart():
    text = example("")
    labelled = text.replace("{name: P12, ends: [P1, P2],", "{name: P12, label: 77, ends: [P1, P2],")
    table = params(labelled)
    assert table["link sliver"]["override"] == {"segmentation": 1, "paging": 0}, table["link sliver"]
    assert table["total"]["required"] == {"segmentation": 0, "paging": 0}
    paged = text.replace("node:\n", "pool: [172.16.0.0/12]\nnode:\n", 1).replace(
        "  - name: A\n", "  - name: A\n    page: [{prefix: 10.0.0.0/8, mapped: 11.0.0.0/8}, 192.0.2.0/24]\n"
    )
    table = params(paged)
    assert table["slice"]["override"] == {"segmentation": 0, "paging": 4}, table["slice"]
    assert table["total"]["common"] == params(text)["total"]["common"]
    # An entry that its list needs whole is no parameter that a definition needs.
    switched = text.replace("node:\n", "switch: [{name: s, carries: [2-99]}]\nnode:\n", 1)
    assert params(switched)["total"]["required"]["segmentation"] == 0


def what_only_one_can_expand():
    text = example("").replace("subnet: 10.0.0.0/16}", "subnet: 10.0.0.0/16, behind: [{prefix: 0.0.0.0/0, via: 10.0.0.9}]}", 1)
    done = tool.run("xslice", "params", "--json", "-", stdin=text).exits(0, "not by paging", "closed world")
    assert done.json()["total"]["expanded"]["paging"] is None and done.json()["total"]["expanded"]["segmentation"]
    alone = tool.run("xslice", "params", "--json", "--implementation", "segmentation", "-", stdin=text).exits(0)
    assert not alone.err and alone.json()["total"]["expanded"]["paging"] is None
    tool.run("xslice", "params", "-", stdin="slice: 1\n").exits(2, "error")


def one_word_apart():
    """The two definitions are equal but for the one word, and the word on the command line is as good as it."""
    for form in FORMS:
        text = example(form)
        assert text.count("implementation: segmentation") == 1
        paged = text.replace("implementation: segmentation", "implementation: paging")
        words, others = text.split(), paged.split()
        assert [pair for pair in zip(words, others) if pair[0] != pair[1]] == [("segmentation", "paging")]
        assert len(words) == len(others)
        with tool.Store() as store:
            plan = store.run("plan", "--json", store.write(paged)).exits(0)
            assert not plan.err
            same = store.run("plan", "--json", "--implementation", "paging", store.write(text)).exits(0)
            assert plan.json() == same.json() and plan.json()["pages"]["P"] and not plan.json()["labels"]
            back = store.run("plan", "--json", "--implementation", "segmentation", store.write(paged)).exits(0).json()
            assert back == store.run("plan", "--json", store.write(text)).exits(0).json()
            assert back["labels"] and not back["pages"]
            drawn = store.run("graph", "--implementation", "paging", store.write(text)).exits(0).out
            assert "vlan" not in drawn and "P12" in drawn
            store.run("check", "--implementation", "routing", store.write(text)).exits(2, "'routing'")
            store.run("stats", "--implementation", "paging").exits(2, "no option --implementation")


def a_slice_may_say_otherwise():
    text = example("").replace("  - name: A\n", "  - name: A\n    implementation: segmentation\n")
    with tool.Store() as store:
        plan = store.run("plan", "--json", "--implementation", "paging", store.write(text)).exits(0).json()
    assert set(plan["pages"]) == {"P"}, plan["pages"]
    assert {link.split("/")[0] for cable in plan["labels"].values() for link in cable} == {"A"}


if __name__ == "__main__":
    cases = (
        none_is_required,
        figure_7_by_hand,
        overrides_are_counted_apart,
        what_only_one_can_expand,
        one_word_apart,
        a_slice_may_say_otherwise,
    )
    sys.exit(tool.run_cases([(case.__name__, case) for case in cases]))
