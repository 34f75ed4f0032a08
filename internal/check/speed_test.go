package check
import ("testing";"os";"github.com/temoin/temoin/policy")
func BenchmarkRun(b *testing.B){
 src,_:=os.ReadFile("/tmp/large.yaml")
 site,err:=policy.Parse("x",src); if err!=nil{b.Fatal(err)}
 for b.Loop(){ Run(site,src,policy.Date{Year:2026,Month:11,Day:21}) }
}
