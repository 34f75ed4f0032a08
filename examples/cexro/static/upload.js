// A file that is too large is refused before it is sent; the server refuses it too.
const file = document.getElementById('file');
file.addEventListener('change', () => {
  const large = file.files[0]?.size > Number(file.dataset.limit);
  file.setCustomValidity(large ? file.dataset.large : '');
  if (large) file.reportValidity();
});
