/* The question box on a page elsewhere: <script src="https://this.server/widget.js"></script> where it shall stand.
   data-height="560px", data-question="…", data-title="…". The server lists the pages that may do so (rag serve --widget-on). */
(function () {
  "use strict";
  const script = document.currentScript, frame = document.createElement("iframe"), told = script.dataset;
  const page = new URL("./", script.src);
  page.searchParams.set("widget", "1");
  if (told.question) page.searchParams.set("q", told.question);
  frame.src = page.href;
  frame.title = told.title || TITLE;
  frame.allow = "clipboard-write " + page.origin;
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms allow-popups allow-downloads allow-modals");
  frame.style.cssText = "display:block;width:100%;border:0;border-radius:12px;height:" + (/^\d+(px|vh|em|rem)$/.test(told.height || "") ? told.height : "560px");
  if (script.closest("body")) script.after(frame);
  else document.addEventListener("DOMContentLoaded", () => document.body.append(frame)); // nothing in the head is seen
})();
