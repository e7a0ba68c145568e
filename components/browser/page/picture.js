// A feature that is a picture: drawn, opened or dropped, and read as the numbers that the model takes.

import { make } from "./dom.js";
import { word } from "./words.js";

// About how many pixels the longer side of the drawing has.
const SIDE = 288;
const CHANNELS = [1, 3, 4];

// Height, width and channels of a shape that may be a picture's, and where an element lies.
const layout = (shape) => {
  const [a, b, c] = shape ?? [];
  const side = (length) => length >= 4 && length <= 1024;
  if (shape?.length === 2 && side(a) && side(b)) return { height: a, width: b, channels: 1, at: (y, x) => y * b + x };
  if (shape?.length !== 3) return undefined;
  if (CHANNELS.includes(a) && side(b) && side(c)) return { height: b, width: c, channels: a, at: (y, x, i) => (i * b + y) * c + x };
  if (CHANNELS.includes(c) && side(a) && side(b)) return { height: a, width: b, channels: c, at: (y, x, i) => (y * b + x) * c + i };
  return undefined;
};

export const isPicture = (feature) => layout(feature.shape) !== undefined;

const surface = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

export const canvas = (feature, id) => {
  const { height, width, channels, at } = layout(feature.shape);
  const [low, high] = [feature.min ?? 0, feature.max ?? (feature.datatype.startsWith("FP") ? 1 : 255)];
  const whole = !feature.datatype.startsWith("FP");
  // Each of the model's pixels is a square of the drawing.
  const square = Math.max(1, Math.round(SIDE / Math.max(width, height)));
  const [w, h] = [width * square, height * square];
  const paper = surface(w, h);
  const ink = paper.getContext("2d", { willReadFrequently: true });
  // An application gets the arrow keys from screen readers, which keep those of a picture.
  const shown = make("canvas", { id, width: w, height: h, tabindex: 0, role: "application", "aria-label": word("drawing", width, height) });
  const place = make("p", { class: "place", role: "status" });
  const problem = make("p", { class: "problem", role: "alert" });
  const dark = make("input", { type: "checkbox", checked: channels === 1 });
  // What was written and not drawn over is read as it was.
  let written;
  let cursor;

  const show = () => {
    const view = shown.getContext("2d");
    view.drawImage(paper, 0, 0);
    if (cursor && document.activeElement === shown) {
      view.strokeStyle = "#0b6bcb";
      view.lineWidth = w / 144;
      view.strokeRect(cursor.x * square, cursor.y * square, square, square);
    }
  };
  const changed = () => {
    written = undefined;
    problem.textContent = "";
    show();
    shown.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const clear = () => {
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, w, h);
  };

  const pen = (event) => ({ x: (event.offsetX * w) / shown.clientWidth, y: (event.offsetY * h) / shown.clientHeight });
  let last;
  const stroke = (event) => {
    const to = pen(event);
    Object.assign(ink, { strokeStyle: "#000", lineWidth: Math.max(w, h) / 9, lineCap: "round" });
    ink.beginPath();
    ink.moveTo(last.x, last.y);
    ink.lineTo(to.x, to.y);
    ink.stroke();
    last = to;
    changed();
  };
  shown.addEventListener("pointerdown", (event) => {
    shown.setPointerCapture(event.pointerId);
    last = pen(event);
    stroke(event);
  });
  shown.addEventListener("pointermove", (event) => event.buttons && last && stroke(event));
  shown.addEventListener("pointerup", () => (last = undefined));
  shown.addEventListener("blur", show);
  // With the keyboard a square is moved, and the space bar inks or clears it. Where it is and what is there is told.
  const inked = () => ink.getImageData((cursor.x + 0.5) * square, (cursor.y + 0.5) * square, 1, 1).data[0] < 128;
  const tell = () => (place.textContent = word(inked() ? "inked" : "blank", cursor.y + 1, cursor.x + 1));
  shown.addEventListener("focus", () => cursor && show());
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  shown.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    cursor ??= { x: width >> 1, y: height >> 1 };
    if (move) {
      cursor.x = Math.min(width - 1, Math.max(0, cursor.x + move[0]));
      cursor.y = Math.min(height - 1, Math.max(0, cursor.y + move[1]));
      show();
    } else {
      ink.fillStyle = inked() ? "#fff" : "#000";
      ink.fillRect(cursor.x * square, cursor.y * square, square, square);
      changed();
    }
    tell();
  });

  const open = async (file) => {
    const image = await createImageBitmap(file).catch(() => undefined);
    if (!image) return void (problem.textContent = word("nopicture", file.name));
    clear();
    const zoom = Math.min(w / image.width, h / image.height);
    // A small one keeps its pixels; of a large one each has a part.
    Object.assign(ink, { imageSmoothingEnabled: zoom < 1, imageSmoothingQuality: "high" });
    ink.drawImage(image, (w - image.width * zoom) / 2, (h - image.height * zoom) / 2, image.width * zoom, image.height * zoom);
    changed();
  };

  // Each pixel is the mean of the square that it stands for.
  const read = () => {
    if (written) return written;
    const { data } = ink.getImageData(0, 0, w, h);
    const row = Array(height * width * channels).fill(0);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const means = mean(data, w, x * square, y * square, square);
        const values = channels === 1 ? [0.299 * means[0] + 0.587 * means[1] + 0.114 * means[2]] : means;
        for (let i = 0; i < channels; i++) {
          const part = (dark.checked ? 255 - values[i] : values[i]) / 255;
          const value = low + part * (high - low);
          row[at(y, x, i)] = whole ? Math.round(value) : value;
        }
      }
    }
    return row;
  };
  const write = (value) => {
    const flat = (value ?? []).flat(Infinity);
    const small = surface(width, height);
    const pixels = new ImageData(width, height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let i = 0; i < 3; i++) {
          const part = ((flat[at(y, x, Math.min(i, channels - 1))] ?? low) - low) / (high - low);
          pixels.data[(y * width + x) * 4 + i] = 255 * (dark.checked ? 1 - part : part);
        }
        pixels.data[(y * width + x) * 4 + 3] = 255;
      }
    }
    small.getContext("2d").putImageData(pixels, 0, 0);
    ink.imageSmoothingEnabled = false;
    ink.drawImage(small, 0, 0, w, h);
    written = value;
    show();
  };

  const file = make("input", { type: "file", accept: "image/*", onchange: async ({ target }) => {
    if (target.files[0]) await open(target.files[0]);
    // The same one may be opened again.
    target.value = "";
  } });
  const wipe = make("button", { type: "button", class: "quiet", text: word("clear"), onclick: () => (clear(), changed()) });
  dark.addEventListener("input", () => (written = undefined));
  const element = make("div", { class: "picture" }, shown, place,
    make("p", { class: "hint", text: `${word("picture")} ${word("keys")}` }),
    make("div", { class: "actions" }, make("label", { class: "button" }, word("open"), file), wipe, make("label", {}, dark, ` ${word("invert")}`)), problem);
  for (const type of ["dragover", "dragleave", "drop"]) {
    element.addEventListener(type, (event) => {
      event.preventDefault();
      element.classList.toggle("over", type === "dragover");
      if (type === "drop" && event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
    });
  }
  clear();
  return { element, read, write };
};

// The mean colour of a square.
const mean = (data, stride, left, top, side) => {
  const sum = [0, 0, 0, 0];
  for (let y = top; y < top + side; y++) {
    for (let x = left; x < left + side; x++) {
      for (let i = 0; i < 4; i++) sum[i] += data[(y * stride + x) * 4 + i];
    }
  }
  return sum.map((value) => value / side ** 2);
};
