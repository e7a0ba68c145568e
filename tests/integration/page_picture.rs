//! Pictures in the page: opened, dropped, drawn by pointer and by keyboard. Each time the answer is the host's to the same
//! pixels.

use std::fs;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use edgewit_tests::browser::Browser;
use edgewit_tests::server::shared;
use edgewit_tests::web::golden_rows;
use serde_json::{Value, json};

use crate::page::{open, shares};

/// The digits' pictures have so many rows and columns, and ink of so many levels.
const SIDE: usize = 8;
const INK: f64 = 16.0;

/// Waits until the page has the host's answer to these pixels, and gives its label.
fn answers(browser: &Browser, pixels: &[f64]) -> String {
    let host = shared().client.post_json("/models/digits/predict", &json!({ "image": pixels })).json();
    let mut likeliest =
        host["probability"].as_array().expect("numbers").iter().enumerate().collect::<Vec<_>>();
    let share = |value: &Value| value.as_f64().expect("a number");
    likeliest.sort_by(|(_, a), (_, b)| share(b).total_cmp(&share(a)));
    let bars = likeliest.iter().take(5).map(|(ix, value)| format!("{ix} {:.1}%", share(value) * 100.0));
    let expected = json!(bars.collect::<Vec<_>>()).to_string();
    browser.wait(&format!(
        "JSON.stringify([...document.querySelectorAll('#answers .bars li')].map((li) => li.innerText.replace(/\\s+/g, ' '))) === {expected:?}"
    ));
    assert_eq!(browser.text(".headline"), host["label"].as_str().expect("a label"));
    browser.text(".headline")
}

/// Levels of grey as a bitmap file, each a square of so many pixels.
/// Source: <https://learn.microsoft.com/windows/win32/gdi/bitmap-storage>
fn bitmap(levels: &[u8], zoom: usize) -> Vec<u8> {
    let side = SIDE * zoom;
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let (side_word, size) = (side as u32, (side * side * 3) as u32);
    // Rows go from the bottom up, and have a multiple of four bytes.
    let rows = (0..side).rev().flat_map(|y| (0..side).map(move |x| (y / zoom) * SIDE + x / zoom));
    let pixels = rows.flat_map(|at| [levels[at]; 3]);
    [b"BM".to_vec(), words(&[54 + size, 0, 54, 40, side_word, side_word, 24 << 16 | 1, 0, size, 0, 0, 0, 0])]
        .concat()
        .into_iter()
        .chain(pixels)
        .collect()
}

/// A digit that is not the one that the page begins with, in levels of grey, and what the model takes for those.
fn digit() -> (Vec<u8>, Vec<f64>) {
    let flat = |row: &Value| {
        let rows = row["image"][0].as_array().expect("rows").iter();
        rows.flat_map(|row| row.as_array().expect("pixels").clone()).collect::<Vec<_>>()
    };
    let levels = golden_rows("digits")
        .iter()
        .map(|row| {
            let ink = flat(row).into_iter().map(|value| value.as_f64().expect("a number") / INK);
            ink.map(|ink| 255 - (ink * 255.0).round() as u8).collect::<Vec<_>>()
        })
        .nth(7)
        .expect("a golden case");
    let pixels = levels.iter().map(|level| f64::from(255 - level) / 255.0 * INK).collect();
    (levels, pixels)
}

#[test]
fn a_picture_is_opened_or_dropped() {
    let Some((_files, browser)) = open("digits", "en") else { return };
    let (levels, pixels) = digit();
    let give = |name: &str, bytes: &[u8]| {
        let path = browser.folder().join(name);
        fs::write(&path, bytes).expect("written");
        browser.type_into(".picture input[type=file]", &path.to_string_lossy());
    };
    let clear = || {
        browser.click(".picture .actions button");
        answers(&browser, &[0.0; SIDE * SIDE]);
    };
    clear();
    give("small.bmp", &bitmap(&levels, 1));
    let label = answers(&browser, &pixels);
    assert_ne!(label, "2", "the page begins with this one");

    clear();
    let drop = "const bytes = Uint8Array.from(atob(a), (c) => c.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], 'dropped.bmp', { type: 'image/bmp' }));
        const events = ['dragover', 'drop'].map((type) => new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
        for (const event of events) document.querySelector('.picture canvas').dispatchEvent(event);
        return events.map((event) => event.defaultPrevented);";
    let taken = browser.run(drop, json!(BASE64_STANDARD.encode(bitmap(&levels, 10))));
    assert_eq!(taken, json!([true, true]), "the browser would else show the picture in place of the page");
    answers(&browser, &pixels);

    // A large one is made smaller, which blurs its edges.
    clear();
    give("large.bmp", &bitmap(&levels, 150));
    browser.wait(&format!("document.querySelector('.headline').innerText === {label:?}"));
    let before = shares(&browser);
    give("broken.png", b"no picture");
    browser.wait("document.querySelector('.picture .problem').innerText");
    assert_eq!(browser.text(".picture .problem"), "broken.png is no picture that this browser can open.");
    assert_eq!(shares(&browser), before);
    clear();
    assert_eq!(browser.text(".picture .problem"), "");
    assert_eq!(browser.log(), "");
}

#[test]
fn a_digit_is_drawn_with_the_pointer() {
    let Some((_files, browser)) = open("digits", "en") else { return };
    assert_eq!(browser.text(".headline"), "2");
    assert_eq!(shares(&browser).len(), 5, "the likeliest classes");
    browser.click(".picture .actions button");
    // A stroke from the top to the bottom.
    let canvas = browser.run("document.querySelector('canvas').scrollIntoView({ block: 'center' }); const { x, y, width, height } = document.querySelector('canvas').getBoundingClientRect(); return [x, y, width, height];", Value::Null);
    let at = |x: f64, y: f64| {
        let edge = |ix: usize| canvas[ix].as_f64().expect("a number");
        json!({ "type": "pointerMove", "duration": 60, "x": (edge(0) + x * edge(2)) as i64, "y": (edge(1) + y * edge(3)) as i64 })
    };
    browser.act(json!([{
        "type": "pointer", "id": "pen", "parameters": { "pointerType": "mouse" },
        "actions": [at(0.42, 0.25), { "type": "pointerDown", "button": 0 }, at(0.55, 0.06), at(0.55, 0.94), { "type": "pointerUp", "button": 0 }],
    }]));
    // The ink in each square of what is shown.
    let drawn = "const canvas = document.querySelector('.picture canvas');
        const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const square = width / a;
        const pixels = Array(a * a).fill(0);
        for (let ix = 0; ix < width * width; ix++) {
            const [x, y] = [Math.floor((ix % width) / square), Math.floor(ix / width / square)];
            pixels[y * a + x] += (255 - data[4 * ix]) / 255 / square ** 2;
        }
        return pixels;";
    let drawn = serde_json::from_value::<Vec<f64>>(browser.run(drawn, json!(SIDE))).expect("numbers");
    let pixels = drawn.into_iter().map(|share| share * INK).collect::<Vec<_>>();
    assert_eq!(answers(&browser, &pixels), "1");
    browser.screenshot("page-digits");
    assert_eq!(browser.log(), "");
}

#[test]
fn a_digit_is_drawn_with_the_keyboard() {
    let [tab, shift, up, down] = ["\u{e004}", "\u{e008}", "\u{e013}", "\u{e015}"];
    let Some((_files, browser)) = open("digits", "en") else { return };
    let press = |keys: &[&str]| {
        let press = |key: &&str| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }));
        let actions = keys.iter().flat_map(press).collect::<Vec<_>>();
        browser.act(json!([{ "type": "key", "id": "keys", "actions": actions }]));
    };
    let place = || browser.text(".picture [role=status]");
    browser.click(".picture .actions button");
    // Backwards over the button that opens a picture.
    let backwards = [
        ("keyDown", shift),
        ("keyDown", tab),
        ("keyUp", tab),
        ("keyDown", tab),
        ("keyUp", tab),
        ("keyUp", shift),
    ];
    let backwards = backwards.map(|(kind, key)| json!({ "type": kind, "value": key }));
    browser.act(json!([{ "type": "key", "id": "keys", "actions": backwards }]));
    let canvas = browser.run(
        "const { tagName, attributes } = document.activeElement;
         const told = attributes['aria-describedby'].value.split(' ').map((id) => document.getElementById(id).innerText);
         return [tagName, told.join(' ')];",
        Value::Null,
    );
    assert_eq!(canvas[0], "CANVAS");
    assert!(canvas[1].as_str().is_some_and(|told| told.contains("the arrow keys move")), "{canvas}");

    // From the middle up, and with ink down again.
    press(&[up, up, up]);
    assert_eq!(place(), "Row 2, column 5: blank");
    press(&[" ", down, " ", down, " ", down, " ", down, " ", down, " "]);
    assert_eq!(place(), "Row 7, column 5: ink");
    let mut pixels = vec![0.0; SIDE * SIDE];
    for y in 1..7 {
        pixels[y * SIDE + 4] = INK;
    }
    assert_eq!(answers(&browser, &pixels), "1");
    browser.screenshot("page-keyboard");
    press(&[" "]);
    assert_eq!(place(), "Row 7, column 5: blank");
    pixels[6 * SIDE + 4] = 0.0;
    answers(&browser, &pixels);
    assert_eq!(browser.log(), "");
}
