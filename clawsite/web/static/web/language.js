// Changes the language as soon as one is chosen.
const select = document.querySelector(".language select");
if (select) select.addEventListener("change", () => select.form.submit());
