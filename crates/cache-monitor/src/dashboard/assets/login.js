// The server leads back to this form with "?wrong", or with "?wait" where it did not look at the token.
const said = new URLSearchParams(location.search);
for (const why of ["wrong", "wait"]) {
  const sentence = document.getElementById(why);
  if (sentence && said.has(why)) {
    sentence.hidden = false;
    document.getElementById("token")?.setAttribute("aria-describedby", why);
  }
}
