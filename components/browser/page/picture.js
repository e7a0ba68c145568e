// A feature that is a picture: drawn, opened or dropped, and read as the numbers that the model takes.

import { make } from "./dom.js";
import { word } from "./words.js";

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
  const [w, h] = width >= height ? [SIDE, Math.round((SIDE * height) / width)] : [Math.round((SIDE * width) / height), SIDE];
  const paper = surface(w, h);
  const ink = paper.getContext("2d", { willReadFrequently: true });
  const shown = make("canvas", { id, width: w, height: h, tabindex: 0, role: "img", "aria-label": word("picture") });
  const dark = make("input", { type: "checkbox", checked: channels === 1 });
  // What was written and not drawn over is read as it was.
  let written;
  let cursor;

  const show = () => {
    const view = shown.getContext("2d");
    view.drawImage(paper, 0, 0);
    if (cursor && document.activeElement === shown) {
      view.strokeStyle = "#0b6bcb";
      view.lineWidth = 2;
      view.strokeRect((cursor.x * w) / width, (cursor.y * h) / height, w / width, h / height);
    }
  };
  const changed = () => {
    written = undefined;
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
    Object.assign(ink, { strokeStyle: "#000", lineWidth: SIDE / 9, lineCap: "round" });
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
  // With the keyboard a square is moved, and the space bar inks or clears it.
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  shown.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    cursor ??= { x: width >> 1, y: height >> 1 };
    if (move) {
      cursor.x = Math.min(width - 1, Math.max(0, cursor.x + move[0]));
      cursor.y = Math.min(height - 1, Math.max(0, cursor.y + move[1]));
      return show();
    }
    const [x, y] = [(cursor.x * w) / width, (cursor.y * h) / height];
    const before = ink.getImageData(x + w / width / 2, y + h / height / 2, 1, 1).data[0];
    ink.fillStyle = before > 127 ? "#000" : "#fff";
    ink.fillRect(x, y, w / width, h / height);
    changed();
  });

  const open = async (file) => {
    const image = await createImageBitmap(file);
    clear();
    const zoom = Math.min(w / image.width, h / image.height);
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
        const means = mean(data, w, [(x * w) / width, ((x + 1) * w) / width, (y * h) / height, ((y + 1) * h) / height]);
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
    ink.imageSmoothingEnabled = true;
    written = value;
    show();
  };

  const file = make("input", { type: "file", accept: "image/*", "aria-label": word("open"), onchange: ({ target }) => target.files[0] && open(target.files[0]) });
  const wipe = make("button", { type: "button", class: "quiet", text: word("clear"), onclick: () => (clear(), changed()) });
  dark.addEventListener("input", () => (written = undefined));
  const element = make("div", { class: "picture" }, shown,
    make("p", { class: "hint", text: `${word("picture")}; ${word("pixels", width, height)}` }),
    make("div", { class: "actions" }, wipe, file, make("label", {}, dark, ` ${word("invert")}`)));
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    const image = [...event.dataTransfer.files].find(({ type }) => type.startsWith("image/"));
    if (image) open(image);
  });
  clear();
  return { element, read, write, named: true };
};

const mean = (data, stride, [left, right, top, bottom]) => {
  const sum = [0, 0, 0, 0];
  let count = 0;
  for (let y = Math.floor(top); y < Math.max(Math.floor(top) + 1, Math.floor(bottom)); y++) {
    for (let x = Math.floor(left); x < Math.max(Math.floor(left) + 1, Math.floor(right)); x++) {
      for (let i = 0; i < 4; i++) sum[i] += data[(y * stride + x) * 4 + i];
      count++;
    }
  }
  return sum.map((value) => value / count);
};
