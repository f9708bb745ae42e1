from jpegslim import viewer


def test_the_script_can_be_written_into_a_page_of_any_encoding():
    script = viewer.script()
    assert 'customElements.define("before-after"' in script
    assert "</" not in script
    assert script.isascii()
    assert viewer.stylesheet().isascii()


def test_neither_asks_for_anything_else():
    for text in (viewer.script(), viewer.stylesheet()):
        for word in ("http:", "https:", "url(", "@import", "import(", "fetch(", "eval("):
            assert word not in text


def test_no_style_is_set_but_through_the_object_model():
    script = viewer.script()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", 'setAttribute("style"', "cssText"):
        assert word not in script
