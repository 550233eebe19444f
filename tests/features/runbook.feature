# language: pt
Funcionalidade: Execução de runbooks
  Como analista do turno da noite
  Quero executar um runbook pelo chat
  Para consertar o sistema sem SSH e sem comandos manuais

  Contexto:
    Dado que o Transaction Guardian é monitorado
    E que os runbooks prontos foram importados

  Esquema do Cenário: O operador reinicia a API
    Dado que nenhuma transação passa mais
    Quando Bob escreve "<palavras>"
    E o trabalho é feito
    Então chega uma mensagem com "[1/4] Looking at the API ... ok"
    E chega uma mensagem com "[3/4] Restarting the API ... ok"
    E chega uma mensagem com "[4/4] Waiting until it is healthy ... ok"
    E o sistema voltou a responder normalmente

    Exemplos:
      | palavras                      |
      | executar runbook restart-api  |
      | runbook restart-api           |

  Cenário: O botão de um alerta mostra o plano, e só o segundo toque executa
    Dado que nenhuma transação passa mais
    E que Bob escreveu "/subscribe critical"
    Quando o Alertmanager avisa que "Zero transactions detected" é "critical" no serviço "api"
    Então chega uma mensagem com "🚨 CRITICAL: Zero transactions detected"
    Quando Bob aperta "restart-api"
    Então chega uma mensagem com "This would run:"
    E a mensagem contém "3. Restarting the API"
    E nenhum runbook foi executado
    Quando Bob aperta "Start"
    Então a mensagem passa a conter "Started by Bob:"
    Quando o trabalho é feito
    Então chega uma mensagem com "[4/4] Waiting until it is healthy ... ok"
    E o sistema voltou a responder normalmente

  Cenário: Um nome errado recebe uma sugestão
    Quando Bob escreve "runbook restart-ap"
    Então a resposta contém "Did you mean restart-api"

  Cenário: Um desconhecido não executa nada
    Quando Charlie escreve "executar runbook restart-api"
    Então nenhum runbook foi executado
