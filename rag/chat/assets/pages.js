/* The page that an article was printed on, beside its text: where the cited sentence stands is asked of the server when
   the reader wants to see it; its picture is loaded then, the sentence framed, and can be looked at whole or enlarged. */
(function () {
  "use strict";
  const root = document.documentElement;
  const $ = (css, from) => (from || document).querySelector(css);
  const $$ = (css, from) => Array.from((from || document).querySelectorAll(css));
  const word = (key, fields) => window.rag.word(key, fields);
  const AIR = [4, 1];         // pixels of the picture between the letters and their frame, across and down
  const LEGIBLE = 0.45;       // of the size it was kept in: type of 9 pixels
  let wanted = false;         // the reader looks at pages: the next source is shown so too
  let told = null, at = 0;    // what the server said of the source in the panel, and the page that is shown

  function press(side, paged) {
    wanted = paged;
    side.classList.toggle("paged", paged);
    root.classList.toggle("paged", paged);
    $(".do-text", side).setAttribute("aria-pressed", String(!paged));
    $(".do-pages", side).setAttribute("aria-pressed", String(paged));
  }
  // A source was opened in the panel.
  function opened(side) {
    told = null;
    const button = $(".do-pages", side);
    if (wanted && button) show(button); else root.classList.remove("paged");
  }
  function text(button) { press(button.closest(".side"), false); }
  async function show(button) {
    const side = button.closest(".side"), view = $(".pv", side);
    press(side, true);
    if (told) return;
    const [start, end] = (button.dataset.at || "0-0").split("-");
    say(view, word("page_loading"));
    try {
      const answer = await fetch("api/articles/" + encodeURIComponent(button.dataset.article) + "/pages?start=" + start + "&end=" + end);
      if (!answer.ok) throw new Error(String(answer.status));
      const said = await answer.json();
      if (!view.isConnected) return;
      told = {...said, asked: end !== "0", quote: $$("mark", side).map((m) => m.textContent).join("").slice(0, 300)};
      turn(view, told.pages.length ? told.pages[0].page : told.numbers[0]);
    } catch (failed) { say(view, word("page_failed")); }
  }
  function say(view, words) { $(".pvt", view).textContent = words; }

  // ---------------------------------------------------------------- one page
  function turn(view, number) {
    const paper = $(".pvi", view), picture = document.createElement("img");
    const page = told.pages.find((one) => one.page === number), boxes = page ? page.boxes : [];
    at = number;
    $(".pvn", view).textContent = word("page_n", {page: number});
    $(".do-page-back", view).disabled = told.numbers.indexOf(number) <= 0;
    $(".do-page-on", view).disabled = told.numbers.indexOf(number) >= told.numbers.length - 1;
    picture.alt = word(boxes.length ? "page_alt_framed" : "page_alt", {source: told.source, page: number, quote: told.quote});
    picture.decoding = "async";
    picture.addEventListener("load", () => {
      if (!picture.isConnected) return;
      paper.append(...frame(boxes, picture.naturalWidth, picture.naturalHeight));
      zoom(view, view.dataset.zoom || legible(view, boxes, picture.naturalWidth));
      say(view, saying(number, boxes));
    });
    picture.addEventListener("error", () => { if (picture.isConnected) { paper.replaceChildren(); say(view, word("page_failed")); } });
    if (page) { picture.width = page.width; picture.height = page.height; }
    paper.style.width = "100%";
    paper.replaceChildren(picture);
    say(view, word("page_loading"));
    picture.src = "api/documents/" + told.document_id + "/pages/" + number;
  }
  function saying(number, boxes) {
    const on = told.pages.map((one) => one.page), i = on.indexOf(number);
    if (!told.asked && !on.length) return word("page_nowhere");
    if (!told.asked) return i >= 0 ? word("page_article") : word("page_article_on", {page: on[0]});
    if (!told.found) return word("page_unfound");
    if (!boxes.length) return word("page_elsewhere", {page: on.join("、")});
    return i + 1 < on.length ? word("page_goes_on", {page: on[i + 1]}) : word("page_framed");
  }

  // ---------------------------------------------------------------- the frame
  // A tint over each line of the sentence, and one outline around lines that follow each other in a column.
  function frame(boxes, width, height) {
    const tints = boxes.map(([left, top, right, bottom]) => {
      const tint = document.createElement("i");
      tint.className = "fr";
      tint.style.cssText = `left:${100 * left}%;top:${100 * top}%;width:${100 * (right - left)}%;height:${100 * (bottom - top)}%`;
      return tint;
    });
    if (!boxes.length) return [];
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.setAttribute("aria-hidden", "true");
    for (const rows of columns(boxes.map(([a, b, c, d]) => [a * width - AIR[0], b * height - AIR[1], c * width + AIR[0], d * height + AIR[1]]))) {
      const right = rows.flatMap(([, top, edge, bottom]) => [[edge, top], [edge, bottom]]);
      const left = rows.slice().reverse().flatMap(([edge, top, , bottom]) => [[edge, bottom], [edge, top]]);
      const outline = document.createElementNS("http://www.w3.org/2000/svg", "path");
      outline.setAttribute("d", "M" + [...right, ...left].map((point) => point.map((x) => x.toFixed(1)).join(" ")).join("L") + "Z");
      drawing.append(outline);
    }
    return [...tints, drawing];
  }
  function columns(boxes) {
    const found = [];
    for (const box of boxes) {
      const rows = found[found.length - 1], last = rows && rows[rows.length - 1], tall = box[3] - box[1];
      const follows = last && box[1] > last[1] && box[1] - last[3] < 1.5 * tall && box[0] < last[2] && last[0] < box[2];
      if (!follows) { found.push([box.slice()]); continue; }
      last[3] = (last[3] + box[1]) / 2;      // they meet in the middle
      rows.push([box[0], last[3], box[2], box[3]]);
    }
    // Justified lines end a hair apart: where they nearly agree, so does the outline.
    for (const rows of found) for (const [side, most] of [[0, Math.min], [2, Math.max]]) for (const way of [rows, rows.slice().reverse()]) {
      for (let i = 1; i < way.length; i++) {
        const [one, two] = [way[i - 1], way[i]];
        if (Math.abs(one[side] - two[side]) < 0.5 * (two[3] - two[1])) one[side] = two[side] = most(one[side], two[side]);
      }
    }
    return found;
  }

  // ---------------------------------------------------------------- whole, or large enough to read
  function zoom(view, how, point) {
    const place = $(".pvs", view), paper = $(".pvi", view), picture = $("img", paper);
    if (!picture || !picture.naturalWidth) return;
    view.dataset.zoom = how;
    for (const button of $$("[data-to]", view)) button.setAttribute("aria-pressed", String(button.dataset.to === how));
    const inside = [place.clientWidth - 24, place.clientHeight - 24], wide = inside[0] / picture.naturalWidth;
    const share = {whole: Math.min(wide, inside[1] / picture.naturalHeight), wide, full: 1}[how];
    paper.style.width = Math.round(picture.naturalWidth * share) + "px";
    const frames = $$(".fr", paper).map((one) => one.getBoundingClientRect()), from = paper.getBoundingClientRect();
    if (point) {
      place.scrollLeft = point[0] * from.width - place.clientWidth / 2;
      place.scrollTop = point[1] * from.height - place.clientHeight / 2;
    } else if (frames.length) {
      const left = Math.min(...frames.map((f) => f.left)) - from.left, right = Math.max(...frames.map((f) => f.right)) - from.left;
      const top = Math.min(...frames.map((f) => f.top)) - from.top, bottom = Math.max(...frames.map((f) => f.bottom)) - from.top;
      const first = frames[0].left - from.left, fits = right - left < inside[0];
      place.scrollLeft = fits ? (left + right - place.clientWidth) / 2 + 12 : first - 24;
      place.scrollTop = bottom - top < inside[1] ? (top + bottom - place.clientHeight) / 2 + 12 : frames[0].top - from.top - 24;
    } else {
      place.scrollTop = 0;
      place.scrollLeft = (place.scrollWidth - place.clientWidth) / 2;
    }
  }
  // At first as large as it was kept; a line that would then run out of sight is shown whole where it can be read so.
  function legible(view, boxes, width) {
    const room = $(".pvs", view).clientWidth - 24;
    const across = boxes.length ? Math.max(...boxes.map((b) => b[2])) - Math.min(...boxes.map((b) => b[0])) : 0;
    return across * width > room && room / width > LEGIBLE ? "wide" : "full";
  }
  // Pressed, the picture grows or shrinks at that point; held, it follows the mouse. Fingers scroll it as any other.
  let held = null;
  addEventListener("pointerdown", (event) => {
    const place = event.target.closest && event.target.closest(".pvs");
    if (!place || event.button || event.pointerType !== "mouse" || !event.target.closest(".pvi")) return;
    held = {place, x: event.clientX, y: event.clientY, left: place.scrollLeft, top: place.scrollTop, moved: false};
    event.preventDefault();
    place.focus({preventScroll: true});
  });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    held.moved = held.moved || Math.abs(event.clientX - held.x) + Math.abs(event.clientY - held.y) > 5;
    if (!held.moved) return;
    held.place.scrollLeft = held.left + held.x - event.clientX;
    held.place.scrollTop = held.top + held.y - event.clientY;
  });
  addEventListener("pointerup", (event) => {
    if (!held) return;
    const {place, moved} = held, view = place.closest(".pv"), paper = $(".pvi", place).getBoundingClientRect();
    held = null;
    if (!moved) zoom(view, view.dataset.zoom === "full" ? "whole" : "full", [(event.clientX - paper.left) / paper.width, (event.clientY - paper.top) / paper.height]);
  });
  addEventListener("resize", () => { const view = $("#side .side.paged .pv"); if (view && view.dataset.zoom && view.dataset.zoom !== "full") zoom(view, view.dataset.zoom); });

  const step = (button, by) => { if (told) turn(button.closest(".pv"), told.numbers[told.numbers.indexOf(at) + by]); };
  window.ragPages = {
    opened, does: {
      "do-pages": show,
      "do-text": text,
      "do-page-back": (b) => step(b, -1),
      "do-page-on": (b) => step(b, 1),
      "do-zoom": (b) => zoom(b.closest(".pv"), b.dataset.to),
    },
  };
})();
