/* An answer as a picture to share: drawn on this device with its own fonts, shown, and saved by the reader.
   show(told, opener): told has brand, house, stamp, question, answer [paragraph], sources [[title, where]], date, address, words. */
const WIDTH = 1080, EDGE = 84, INNER = WIDTH - 2 * EDGE;
const SERIF = '"Songti SC","Noto Serif CJK SC","Source Han Serif SC",SimSun,serif', SANS = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif';
const INK = "#1C2321", SOFT = "#5C6561", PAPER = "#FCF9EF", ACCENT = "#0E5B57", SEAL = "#A2352A";
const MOST_LINES = 44; // of the answer: a picture that nobody can read is none

function lines(brush, text, width) {
  const rows = [];
  let row = "";
  for (const piece of text.match(/[A-Za-z0-9.,%:/-]+|[\s\S]/gu) || []) {
    const closing = /^[，。、；：！？）》”’\]]$/.test(piece);
    if (row && !closing && brush.measureText(row + piece).width > width) { rows.push(row); row = piece.trimStart(); }
    else row += piece;
  }
  return row ? [...rows, row] : rows;
}

/* Draws from `y` on, or only measures where `brush.measuring`; gives the y below. */
function block(brush, paragraphs, {font, size, leading, color, x = EDGE, width = INNER, gap = 0, most = Infinity}, y) {
  brush.font = font.replace("SIZE", size + "px");
  brush.fillStyle = color;
  let left = most;
  for (const text of paragraphs) {
    for (const row of lines(brush, text, width)) {
      if (left-- <= 0) { if (left === -1) { if (!brush.measuring) brush.fillText("……", x, y + size); y += leading; } continue; }
      if (!brush.measuring) brush.fillText(row, x, y + size);
      y += leading;
    }
    y += gap;
  }
  return y - gap;
}

function draw(brush, told) {
  let y = EDGE;
  if (!brush.measuring) {
    brush.fillStyle = SEAL;
    brush.fillRect(EDGE, y, 84, 84);
    brush.fillStyle = "#FFF8F4";
    brush.font = `700 50px ${SERIF}`;
    brush.fillText(told.stamp, EDGE + 17, y + 60);
  }
  block(brush, [told.brand], {font: `700 SIZE ${SERIF}`, size: 40, leading: 46, color: INK, x: EDGE + 108, width: INNER - 108}, y - 2);
  y = Math.max(y + 84, block(brush, [told.house], {font: `400 SIZE ${SANS}`, size: 26, leading: 34, color: SOFT, x: EDGE + 108, width: INNER - 108}, y + 50));
  const rule = (at, height) => { if (!brush.measuring) { brush.fillStyle = INK; brush.fillRect(EDGE, at, INNER, height); } };
  rule(y + 26, 5); rule(y + 35, 2);
  y = block(brush, [told.question], {font: `700 SIZE ${SERIF}`, size: 48, leading: 70, color: ACCENT}, y + 70);
  y = block(brush, told.answer, {font: `400 SIZE ${SANS}`, size: 36, leading: 60, color: INK, gap: 18, most: MOST_LINES}, y + 30);
  y += 44;
  rule(y, 2);
  y += 26;
  for (const [title, where] of told.sources) {
    y = block(brush, [title], {font: `600 SIZE ${SERIF}`, size: 29, leading: 42, color: INK}, y);
    if (where) y = block(brush, [where], {font: `400 SIZE ${SANS}`, size: 25, leading: 38, color: SOFT}, y);
    y += 10;
  }
  return block(brush, [`${told.date} · ${told.address}`], {font: `400 SIZE ${SANS}`, size: 25, leading: 38, color: SOFT}, y + 16) + EDGE - 20;
}

export async function show(told, opener) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  const ruler = canvas.getContext("2d");
  ruler.measuring = true;
  canvas.height = Math.ceil(draw(ruler, told));
  const brush = canvas.getContext("2d");
  brush.measuring = false;
  brush.fillStyle = PAPER;
  brush.fillRect(0, 0, WIDTH, canvas.height);
  draw(brush, told);
  const blob = await new Promise((done, failed) => canvas.toBlob((made) => (made ? done(made) : failed(new Error("no picture"))), "image/png"));
  const address = URL.createObjectURL(blob);
  const dialog = document.createElement("dialog"), image = new Image(), row = document.createElement("div");
  dialog.id = "rag-picture";
  dialog.setAttribute("aria-label", told.words.title);
  image.src = address;
  image.alt = [told.question, ...told.answer].join(" ");
  const save = document.createElement("a"), close = document.createElement("button");
  save.href = address;
  save.download = `${told.question.slice(0, 20).replace(/[\\/:*?"<>|？]/g, "")}.png`;
  save.textContent = told.words.save;
  close.type = "button";
  close.textContent = told.words.close;
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { dialog.remove(); URL.revokeObjectURL(address); opener.focus(); });
  row.append(save, close);
  dialog.append(image, row);
  document.body.append(dialog);
  dialog.showModal();
  await image.decode();
}
