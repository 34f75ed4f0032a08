package kit

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// cookie returns a cookie as the manifest declares it, else as a careful site would set it
// by itself.
func (k *Kit) cookie(name, act string) (c *http.Cookie, declared bool) {
	for _, a := range []string{act, "otherwise", ""} {
		if c, err := k.config.Cookie(name, a); err == nil {
			return c, true
		}
	}
	return &http.Cookie{Name: name, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode}, false
}

// SetCookie sets a cookie for an act of the visitor. Where the manifest does not declare it,
// age is how long it is kept, in seconds; 0 is until the browser closes.
func (k *Kit) SetCookie(w http.ResponseWriter, name, value, act string, age int) {
	c, declared := k.cookie(name, act)
	if !declared {
		c.MaxAge = age
	}
	c.Value = value
	http.SetCookie(w, c)
}

// Forget removes a cookie.
func (k *Kit) Forget(w http.ResponseWriter, name string) {
	c, _ := k.cookie(name, "")
	c.Value, c.MaxAge = "", -1
	http.SetCookie(w, c)
}

const year = 365 * 24 * 3600

// Lang is the language that the visitor chose, else the one that the browser asks for.
func (k *Kit) Lang(r *http.Request) string {
	if c, err := r.Cookie(k.config.Language); err == nil && slices.Contains(k.config.Langs, c.Value) {
		return c.Value
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return k.config.Langs[0]
	}
	_, i, _ := k.matcher.Match(wanted...)
	return k.config.Langs[i]
}

func (k *Kit) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	if l := r.PostFormValue("lang"); slices.Contains(k.config.Langs, l) {
		k.SetCookie(w, k.config.Language, l, "", year)
	}
	Back(w, r, "/")
}

func (k *Kit) theme(r *http.Request) string {
	if c, err := r.Cookie(k.config.Theme); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

func (k *Kit) chooseTheme(w http.ResponseWriter, r *http.Request) {
	if t := r.PostFormValue("theme"); t == "light" || t == "dark" {
		k.SetCookie(w, k.config.Theme, t, "", year)
	}
	Back(w, r, "/")
}

// token returns what forms of the visitor hold, and sets its cookie where there is none.
func (k *Kit) token(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(k.config.Protection); err == nil && len(c.Value) >= 26 {
		return c.Value
	}
	token := rand.Text()
	k.SetCookie(w, k.config.Protection, token, "", 0)
	r.AddCookie(&http.Cookie{Name: k.config.Protection, Value: token}) // for the page's other forms
	return token
}

// Protected takes a form only with the token that the visitor's browser keeps in a cookie.
// Without it nothing is done, and the page "blocked" says why: the token came from another
// site, or the browser does not keep the cookie.
func (k *Kit) Protected(take http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie(k.config.Protection)
		if err != nil || c.Value == "" || subtle.ConstantTimeCompare([]byte(c.Value), []byte(r.PostFormValue("csrf"))) != 1 {
			k.Render(w, r, http.StatusForbidden, "blocked", k.config.Protection)
			return
		}
		take(w, r)
	}
}

// User returns who is signed in, nil for nobody. The request need not have come through
// Handler.
func (k *Kit) User(r *http.Request) *User {
	if id := k.signedIn(r); id != "" {
		for i := range k.config.Users {
			if k.config.Users[i].ID == id {
				return &k.config.Users[i]
			}
		}
	}
	if k.config.Restore != nil {
		return k.config.Restore(r)
	}
	return nil
}

// signedIn reads the session of a request, which its context may not have yet.
func (k *Kit) signedIn(r *http.Request) string {
	c, err := r.Cookie(k.config.Session)
	if err != nil {
		return ""
	}
	ctx, err := k.sessions.Load(r.Context(), c.Value)
	if err != nil {
		return ""
	}
	return k.sessions.GetString(ctx, "user")
}

// Member lets those in who are signed in, and leads all others to where they can, and back
// from there.
func (k *Kit) Member(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if k.User(r) != nil {
			page(w, r)
			return
		}
		next := "/"
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next = r.URL.RequestURI()
		}
		http.Redirect(w, r, "/login?"+url.Values{"next": {next}}.Encode(), http.StatusSeeOther)
	}
}

// Subject says who is signed in, for choices that follow an account.
func (k *Kit) Subject(r *http.Request) (string, error) {
	if u := k.User(r); u != nil {
		return u.ID, nil
	}
	return "", nil
}

// SignIn lets somebody in. With remember the session outlives the browser's, if the
// manifest has a lifetime for that.
func (k *Kit) SignIn(w http.ResponseWriter, r *http.Request, u *User, remember bool) error {
	if err := k.sessions.RenewToken(r.Context()); err != nil {
		return err
	}
	kept, _ := k.cookie(k.config.Session, "remember-me")
	k.sessions.RememberMe(r.Context(), remember && kept.MaxAge > 0)
	k.sessions.Put(r.Context(), "user", u.ID)
	if k.config.Signed != nil {
		k.config.Signed(w, r, u, remember)
	}
	return nil
}

func (k *Kit) signIn(w http.ResponseWriter, r *http.Request) {
	email, password := strings.TrimSpace(r.PostFormValue("email")), r.PostFormValue("password")
	i := slices.IndexFunc(k.config.Users, func(u User) bool {
		return strings.EqualFold(u.Email, email) && subtle.ConstantTimeCompare([]byte(u.Password), []byte(password)) == 1
	})
	if i < 0 {
		k.Fail(w, r, http.StatusUnauthorized, "login", "login.wrong", email)
		return
	}
	if err := k.SignIn(w, r, &k.config.Users[i], r.PostFormValue("remember") != ""); err != nil {
		http.Error(w, "Nobody can sign in now. Please try again.", http.StatusInternalServerError)
		return
	}
	Back(w, r, "/")
}

func (k *Kit) signOut(w http.ResponseWriter, r *http.Request) {
	if err := k.sessions.Destroy(r.Context()); err != nil {
		http.Error(w, "This cannot be done now. Please try again.", http.StatusInternalServerError)
		return
	}
	if k.config.Signed != nil {
		k.config.Signed(w, r, nil, false)
	}
	Back(w, r, "/")
}
