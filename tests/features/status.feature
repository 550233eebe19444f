# language: pt
Funcionalidade: Consulta de status via chat
  Como analista do turno da noite
  Quero saber pelo celular como está o sistema
  Para não precisar abrir o laptop, a VPN e o Grafana

  Contexto:
    Dado que o Transaction Guardian é monitorado

  Esquema do Cenário: O sistema está bem
    Quando Bob escreve "<palavras>"
    Então a resposta contém "✅ Transaction Guardian"
    E a resposta contém "API: healthy (uptime 99.97%)"
    E a resposta contém "Approval rate: 94.2%"
    E a resposta contém "Anomalies (1 h): 0"
    E a resposta contém "Last incident: none"

    Exemplos:
      | palavras           |
      | status do sistema  |
      | como está o sistema |
      | health check       |

  Cenário: Nenhuma transação passa
    Dado que nenhuma transação passa mais
    Quando Bob escreve "status do sistema"
    Então a resposta contém "🚨 Transaction Guardian"
    E a resposta contém "Transactions/min: 0"

  Cenário: Um desconhecido não vê nada
    Quando Charlie escreve "status do sistema"
    Então a resposta não contém "Guardian"
