/* What readers think of answers, and the help desk's forms. Beside chat.js, which knows nothing of it. */
(function () {
  "use strict";
  const $ = (css, from) => (from || document).querySelector(css);
  const $$ = (css, from) => Array.from((from || document).querySelectorAll(css));
  const word = (key, fields) => window.rag.word(key, fields);
  let fading = 0;
  function tell(text) {
    $("#rag-told").textContent = text;
    clearTimeout(fading);
    fading = setTimeout(() => { $("#rag-told").textContent = ""; }, 5000);
  }

  // ---------------------------------------------------------------- thumbs and handing on
  // What was said of an answer is the library's; the page remembers it for this visit, to show which button was pressed.
  const said = {};
  try { Object.assign(said, JSON.parse(sessionStorage.getItem("rag.said") || "{}")); } catch (e) { /* a private window keeps nothing */ }
  const keyOf = (button) => (Array.from(button.classList).find((c) => c.startsWith("k-")) || "").slice(2);
  function mark() {
    for (const button of $$("#thread .do-up,#thread .do-down,#thread .do-hand")) {
      const on = said[keyOf(button)] === Array.from(button.classList).find((c) => c.startsWith("do-"));
      if (button.classList.contains("on") !== on) button.classList.toggle("on", on);
      const pressed = String(on);
      if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
    }
  }
  async function send(button, what) {
    const key = keyOf(button);
    const answer = await fetch("api/feedback", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({noted: key, ...what})});
    if (!answer.ok) { tell(word("failed")); return null; }
    return answer.json();
  }
  async function vote(button, name, what) {
    const told = await send(button, what);
    if (!told) return null;
    said[keyOf(button)] = name;
    try { sessionStorage.setItem("rag.said", JSON.stringify(said)); } catch (e) { /* a private window keeps nothing */ }
    mark();
    return told;
  }
  function askWhy(button) {           // one small box under the answer; leaving it empty is an answer too
    const card = button.closest(".card");
    for (const old of $$(".whynot")) old.remove();
    const box = document.createElement("div"), label = document.createElement("label"), input = document.createElement("input");
    box.className = "whynot";
    label.append(word("why_not"), input);
    input.maxLength = 300;
    box.append(label);
    for (const reason of word("why_not_reasons").split(" ")) {
      const one = document.createElement("button");
      one.type = "button";
      one.className = "btn";
      one.textContent = reason;
      one.addEventListener("click", () => finish(reason));
      box.append(one);
    }
    const done = document.createElement("button");
    done.type = "button";
    done.className = "btn pri";
    done.textContent = word("send_why");
    box.append(done);
    async function finish(why) {
      box.remove();
      button.focus();
      if (!why || await send(button, {why})) tell(word("noted"));
    }
    done.addEventListener("click", () => finish(input.value.trim()));
    input.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      finish(event.key === "Enter" ? input.value.trim() : "");
    });
    $(".acts", card).after(box);
    input.focus();
    box.scrollIntoView({block: "nearest"});
  }

  // ---------------------------------------------------------------- the desk's forms
  function fields(button) {
    const form = button.closest("[data-form]"), told = {};
    for (const one of form ? $$("[name]", form) : []) told[one.name] = one.value;
    if (told.editor) try { localStorage.setItem("rag.editor", told.editor); } catch (e) { /* a private window keeps nothing */ }
    return told;
  }
  function sign() {                   // the name an editor signed with last
    const box = $("#help [name=editor]");
    if (!box || box.value || box.dataset.signed) return;
    box.dataset.signed = "1";
    try { box.value = localStorage.getItem("rag.editor") || ""; } catch (e) { /* nothing was kept */ }
  }
  let picked = false;                 // on a phone what was chosen stands below the list: the page goes there
  function show() {
    if (!picked || !$("#help .r")) return;
    picked = false;
    $("#help .r").scrollIntoView({block: "start"});
  }
  const DOES = {
    "do-up": (b) => vote(b, "do-up", {helpful: true}).then((told) => told && tell(word("noted"))),
    "do-down": (b) => vote(b, "do-down", {helpful: false}).then((told) => told && askWhy(b)),
    "do-hand": (b) => vote(b, "do-hand", {handed: true}).then((told) => told && tell(word("handed", {n: told.number}))),
    "do-go": (b) => { $("#help").scrollTop = 0; window.ragDesk("go", {part: b.dataset.part}); },
    "do-pick": (b) => { picked = matchMedia("(max-width:1099px)").matches; window.ragDesk("go", {chosen: b.dataset.chosen}); },
    "do-act": (b) => {
      if (b.dataset.sure && !b.classList.contains("sure")) { b.classList.add("sure"); $("span", b).textContent = b.dataset.sure; return; }
      window.ragDesk("act", {...fields(b), does: b.dataset.does, number: b.dataset.number || ""});
    },
    "do-correct": (b) => window.ragShelf("correct", {...fields(b), does: b.dataset.does, article: b.dataset.article || "", start: b.dataset.start || ""}),
    "do-health": (b) => window.ragShelf("health", {does: b.dataset.does}),
    "do-article": (b) => { if (b.closest("#help")) { const ask = $('#tabs [role=tablist] [data-tab-id="ask"]'); if (ask) ask.click(); } },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("#rag button");
    const does = button && Array.from(button.classList).find((c) => c in DOES);
    if (does) DOES[does](button);
  });
  addEventListener("keydown", (event) => {       // Enter in a field sends no question, and leaves a form alone
    if (event.key === "Enter" && event.target.matches && event.target.matches("#help input,#preview input")) event.stopPropagation();
  }, true);
  document.addEventListener("DOMContentLoaded", () => {
    let planned = 0;
    new MutationObserver(() => { if (!planned) planned = requestAnimationFrame(() => { planned = 0; mark(); show(); sign(); }); })
      .observe(document.body, {childList: true, subtree: true});
  });
})();
